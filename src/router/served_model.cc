#include "router/served_model.h"

#include <chrono>
#include <filesystem>
#include <utility>

#include "router/prompt_chat.h"

namespace baton::router {
namespace {

/// The template with this name; none if the model has none.
Result<std::optional<ServedTemplate>> load_template(const text::ChatConfig& config, std::string_view name,
                                                    const std::filesystem::path& directory) {
  const std::string* source = config.find(name);
  if (source == nullptr) return std::nullopt;
  auto parsed = text::ChatTemplate::parse(*source);
  if (parsed) return ServedTemplate{std::move(*parsed), abilities_of(*source)};
  return fail(Errc::corrupt_file, "chat template '" + std::string(name) + "' of " + directory.string() + ": " +
                                      parsed.error().message);
}

}  // namespace

Result<std::shared_ptr<const ServedModel>> load_served_model(const Config& config) {
  const std::filesystem::path directory = config.model_path.empty() ? config.model : config.model_path;
  auto tokenizer = text::Tokenizer::load(directory / "tokenizer.json");
  if (!tokenizer) return std::unexpected(std::move(tokenizer.error()));
  auto chat_config = text::load_chat_template(directory);
  if (!chat_config) return std::unexpected(std::move(chat_config.error()));

  auto chat = load_template(*chat_config, "default", directory);
  if (!chat) return std::unexpected(std::move(chat.error()));
  auto tool_chat = load_template(*chat_config, "tool_use", directory);
  if (!tool_chat) return std::unexpected(std::move(tool_chat.error()));
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::make_shared<const ServedModel>(ServedModel{
      .name = config.served_model_name.empty() ? config.model : config.served_model_name,
      .created = std::chrono::duration_cast<std::chrono::seconds>(now).count(),
      .tokenizer = std::move(*tokenizer),
      .chat = std::move(*chat),
      .tool_chat = std::move(*tool_chat),
      .bos_token = std::move(chat_config->bos_token),
      .eos_token = std::move(chat_config->eos_token),
  });
}

}  // namespace baton::router
