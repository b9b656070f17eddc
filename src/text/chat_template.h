#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "baton/error.h"
#include "text/value.h"

namespace baton::text {

struct RenderOptions {
  /// What strftime_now prints; as local time of the caller's choice.
  std::chrono::sys_seconds now{};
};

/// A chat template in Jinja, with the semantics of the Hugging Face environment: trim_blocks, lstrip_blocks, loop
/// controls, tojson as json.dumps, raise_exception, strftime_now. Templates are not trusted: steps, output, memory and
/// recursion are bounded. Immutable; rendering is thread-safe.
class ChatTemplate {
 public:
  /// Errors: Errc::invalid_request with the line.
  static Result<ChatTemplate> parse(std::string_view source);

  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  /// `variables` is a map: messages, tools, documents, add_generation_prompt, bos_token, eos_token, ...
  /// Errors: Errc::invalid_request with raise_exception's text as it is, or with the line and what went wrong.
  Result<std::string> render(const Value& variables, RenderOptions options = {}) const;

  /// Whether the template walks through the parts of a message's content. If not, content must be given as one string.
  bool iterates_content() const;

 private:
  struct Impl;
  explicit ChatTemplate(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

/// What a model folder says about chat, beside the tokenizer itself.
struct ChatConfig {
  std::string bos_token;  ///< empty if there is none
  std::string eos_token;
  std::vector<std::pair<std::string, std::string>> templates;  ///< name ("default" for a single one) and source

  /// Source of the template with this name; nullptr if there is none.
  const std::string* find(std::string_view name = "default") const;
};

/// Reads tokenizer_config.json (chat_template as one string or a list of named ones) and, beside it, chat_template.jinja
/// and additional_chat_templates/*.jinja, which win. Missing files are no error: the result is then empty.
/// Errors: Errc::io, Errc::corrupt_file with file and field.
Result<ChatConfig> load_chat_template(const std::filesystem::path& directory);

}  // namespace baton::text
