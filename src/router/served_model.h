#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "baton/config.h"
#include "baton/error.h"
#include "openai/tool_parser.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace baton::router {

/// What a chat template can tell the model beside the messages, and how the model then writes calls of tools.
struct ChatAbilities {
  bool tools = false;
  bool documents = false;
  openai::ToolFormat tool_format = openai::ToolFormat::hermes;
};

struct ServedTemplate {
  text::ChatTemplate chat;
  ChatAbilities abilities;
};

/// What the router knows of the model it serves: its tokenizer and chat template, no weights. Immutable, shared by the
/// shards and the tokenising threads.
struct ServedModel {
  std::string name;
  std::int64_t created = 0;  ///< Unix seconds
  text::Tokenizer tokenizer;
  std::optional<ServedTemplate> chat;       ///< absent: the model has none, chats are refused
  std::optional<ServedTemplate> tool_chat;  ///< used instead where tools are given; absent: `chat` does for both
  std::string bos_token;
  std::string eos_token;
};

/// Loads from config.model_path (else config.model). Errors name the file: io, corrupt_file.
Result<std::shared_ptr<const ServedModel>> load_served_model(const Config& config);

}  // namespace baton::router
