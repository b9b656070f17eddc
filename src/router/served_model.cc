#include "router/served_model.h"

#include <chrono>
#include <filesystem>
#include <utility>

#include "router/prompt_chat.h"

namespace baton::router {

Result<std::shared_ptr<const ServedModel>> load_served_model(const Config& config) {
  const std::filesystem::path directory = config.model_path.empty() ? config.model : config.model_path;
  auto tokenizer = text::Tokenizer::load(directory / "tokenizer.json");
  if (!tokenizer) return std::unexpected(std::move(tokenizer.error()));
  auto chat_config = text::load_chat_template(directory);
  if (!chat_config) return std::unexpected(std::move(chat_config.error()));

  std::optional<text::ChatTemplate> chat;
  ChatAbilities abilities;
  if (const std::string* source = chat_config->find()) {
    auto parsed = text::ChatTemplate::parse(*source);
    if (!parsed) {
      return fail(Errc::corrupt_file, "chat template of " + directory.string() + ": " + parsed.error().message);
    }
    chat = std::move(*parsed);
    abilities = abilities_of(*source);
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::make_shared<const ServedModel>(ServedModel{
      .name = config.served_model_name.empty() ? config.model : config.served_model_name,
      .created = std::chrono::duration_cast<std::chrono::seconds>(now).count(),
      .tokenizer = std::move(*tokenizer),
      .chat = std::move(chat),
      .abilities = abilities,
      .bos_token = std::move(chat_config->bos_token),
      .eos_token = std::move(chat_config->eos_token),
  });
}

}  // namespace baton::router
