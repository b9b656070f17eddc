#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "text/chat_template.h"
#include "text/json_reader.h"

namespace baton::text {
namespace {

namespace fs = std::filesystem;

Result<std::string> read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(Errc::io, file.string() + ": cannot be opened");
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (in.bad()) return fail(Errc::io, file.string() + ": cannot be read");
  return text;
}

void put(ChatConfig& config, std::string name, std::string source) {
  const auto it = std::ranges::find(config.templates, name, &std::pair<std::string, std::string>::first);
  if (it != config.templates.end()) {
    it->second = std::move(source);
  } else {
    config.templates.emplace_back(std::move(name), std::move(source));
  }
}

// A token is a string or an added-token object.
std::string token_text(const JsonNode& node) {
  if (!node.present()) return {};
  return node.is_string() ? node.string() : node.get("content").string();
}

void read_config(const JsonNode& root, ChatConfig& config) {
  config.bos_token = token_text(root.get("bos_token"));
  config.eos_token = token_text(root.get("eos_token"));
  const JsonNode source = root.get("chat_template");
  if (source.is_array()) {
    for (std::size_t i = 0; i < source.size(); ++i) {
      put(config, source.at(i).get("name").string(), source.at(i).get("template").string());
    }
  } else if (source.present()) {
    put(config, "default", source.string());
  }
}

Result<void> read_config_file(const fs::path& file, ChatConfig& config) {
  const auto text = read_file(file);
  if (!text) return std::unexpected(text.error());
  const auto document = nlohmann::json::parse(*text, nullptr, false);
  if (document.is_discarded()) return fail(Errc::corrupt_file, file.string() + ": not valid JSON");
  try {
    read_config(JsonNode(document, ""), config);
  } catch (const JsonRefusal& refusal) {
    return fail(Errc::corrupt_file, file.string() + ": " + refusal.message);
  }
  return {};
}

Result<void> read_template_files(const fs::path& directory, ChatConfig& config) {
  std::error_code ignored;
  std::vector<std::pair<std::string, fs::path>> files;
  if (fs::exists(directory / "chat_template.jinja", ignored)) {
    files.emplace_back("default", directory / "chat_template.jinja");
  }
  for (const auto& entry : fs::directory_iterator(directory / "additional_chat_templates", ignored)) {
    if (entry.path().extension() == ".jinja") files.emplace_back(entry.path().stem().string(), entry.path());
  }
  std::ranges::sort(files);
  for (const auto& [name, file] : files) {
    auto text = read_file(file);
    if (!text) return std::unexpected(text.error());
    put(config, name, *std::move(text));
  }
  return {};
}

}  // namespace

const std::string* ChatConfig::find(std::string_view name) const {
  const auto it = std::ranges::find(templates, name, &std::pair<std::string, std::string>::first);
  return it == templates.end() ? nullptr : &it->second;
}

Result<ChatConfig> load_chat_template(const fs::path& directory) {
  ChatConfig config;
  const fs::path file = directory / "tokenizer_config.json";
  std::error_code ignored;
  if (fs::exists(file, ignored)) {
    if (auto read = read_config_file(file, config); !read) return std::unexpected(read.error());
  }
  if (auto read = read_template_files(directory, config); !read) return std::unexpected(read.error());
  return config;
}

}  // namespace baton::text
