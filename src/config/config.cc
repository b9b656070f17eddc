#include "config/config.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "config/reader.h"
#include "config/rules.h"
#include "config/yaml_tree.h"

namespace baton::config {
namespace {

namespace fs = std::filesystem;

std::vector<ConfigProblem> one_problem(const std::string& source, std::string message) {
  return {{source, 0, 0, "", std::move(message)}};
}

void append_replicas(const WorkerConfig& entry, std::vector<WorkerConfig>& workers) {
  for (int i = 0; i < entry.replicas; ++i) {
    WorkerConfig worker = entry;
    worker.replicas = 1;
    worker.port = static_cast<std::uint16_t>(entry.port + i);
    if (worker.name.empty()) {
      worker.name = worker.host + ":" + std::to_string(worker.port);
    } else if (entry.replicas > 1) {
      worker.name += "-" + std::to_string(i);
    }
    workers.push_back(std::move(worker));
  }
}

/// A model that is itself a path ("./weights") counts as model_path.
void resolve_model_path(Config& config) {
  if (config.model_path.empty() && (config.model.starts_with("./") || config.model.starts_with("../"))) {
    config.model_path = config.model;
  }
  if (config.model_path.empty()) return;
  const fs::path path(config.model_path);
  if (path.is_absolute()) return;
  config.model_path = (fs::path(config.source).parent_path() / path).lexically_normal().string();
}

Config completed(ReadConfig read, const std::string& source, std::vector<std::string> notes) {
  Config config = std::move(read.config);
  config.source = source;
  config.notes = std::move(notes);
  config.kv_transfer.backend = "ucx";
  if (config.served_model_name.empty()) config.served_model_name = config.model;
  resolve_model_path(config);
  for (const WorkerEntry& entry : read.workers) append_replicas(entry.config, config.workers);
  for (ClassEntry& entry : read.classes) config.classes.push_back(std::move(entry.config));
  return config;
}

}  // namespace

std::expected<Config, std::vector<ConfigProblem>> parse_config(std::string_view text, const std::string& source_name) {
  const auto root = parse_yaml(text, source_name);
  if (!root) return std::unexpected(std::vector{root.error()});
  if (root->kind == YamlNode::Kind::null) {
    return std::unexpected(
        one_problem(source_name, "the file is empty; config/local.yaml is an example to start from"));
  }
  Problems problems(source_name);
  if (root->kind != YamlNode::Kind::map) {
    problems.add(*root, "", "the file is not a map of keys; config/local.yaml is an example to start from");
    return std::unexpected(std::move(problems).take());
  }
  ReadConfig read = read_config(*root, problems);
  std::vector<std::string> notes = check_rules(read, *root, problems);
  if (!problems.empty()) return std::unexpected(std::move(problems).take());
  return completed(std::move(read), source_name, std::move(notes));
}

std::expected<Config, std::vector<ConfigProblem>> load_config(const std::string& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    return std::unexpected(one_problem(path, "this is a directory; name the YAML file in it"));
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::unexpected(one_problem(path, std::string("cannot be opened: ") + std::strerror(errno)));
  // One byte more than allowed tells a large file from a full one, without reading all of it.
  std::string text(kMaxYamlBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return std::unexpected(one_problem(path, std::string("cannot be read: ") + std::strerror(errno)));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return parse_config(text, path);
}

std::string format_problems(const std::vector<ConfigProblem>& problems) {
  std::string out;
  for (const ConfigProblem& problem : problems) out += problem.format() + "\n";
  return out;
}

}  // namespace baton::config
