#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "openai/call_reader.h"
#include "openai/response.h"

namespace baton::openai {

/// How a model writes tool calls.
enum class ToolFormat : std::uint8_t {
  none,        ///< not at all: everything is content
  hermes,      ///< <tool_call>{"name":…,"arguments":{…}}</tool_call>, as Qwen and Hermes
  llama_json,  ///< the whole answer is {"name":…,"parameters":{…}}, several joined with ';', after <|python_tag|> or
               ///< not
  mistral,    ///< [TOOL_CALLS] and then [{"name":…,"arguments":{…}}, …], or NAME{…}
  call_list,  ///< the whole answer is [{"name":…,"parameters":{…}}, …]: forced by a constraint
  arguments,  ///< the whole answer is the arguments of one known function: forced by a constraint
};

/// Splits the text of one answer into content and tool calls while it comes. However the text is cut, the pieces add up
/// to the same. What turns out not to be a call becomes content again, so nothing is lost. Not thread-safe.
class ToolParser {
 public:
  struct Options {
    ToolFormat format = ToolFormat::none;
    std::vector<std::string> names;  ///< llama_json: JSON with another name is content
    std::string named;               ///< format arguments: the function
  };
  explicit ToolParser(Options options);

  /// Appends to `out` what is decided with this text.
  void feed(std::string_view text, Piece& out);
  /// Appends what was held back, at the end of the answer.
  void finish(Piece& out);
  /// A call was found.
  bool called() const { return calls_ > 0; }

 private:
  enum class At : std::uint8_t { start, content, open, name, object, arguments, after, rest };

  bool advance(Piece& out);
  bool at_start();
  bool in_content(Piece& out);
  bool at_open();
  bool in_name(Piece& out);
  bool in_object(Piece& out);
  bool in_arguments(Piece& out);
  bool after_call();
  void begin_call(std::string name, Piece& out);
  void add_arguments(std::string_view text, Piece& out);
  void give_up();
  bool known(std::string_view name) const;

  Options options_;
  std::string_view marker_;
  At at_;
  std::string held_;       ///< not decided yet
  std::string candidate_;  ///< what was taken of a call whose name is not known yet
  CallReader call_;
  JsonSpan span_;               ///< arguments after a bare name
  bool begun_ = false;          ///< the current call was announced
  bool has_arguments_ = false;  ///< the current call
  bool skip_space_ = false;     ///< a call has just ended
  int calls_ = 0;
};

}  // namespace baton::openai
