#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "openai/tool_parser.h"

namespace {

using namespace baton::openai;

/// Content and calls of `text`, fed in pieces of `step` bytes.
std::string parse(ToolFormat format, std::string_view text, std::size_t step) {
  ToolParser parser({.format = format, .names = {"f", "g"}, .named = "f"});
  Choice choice;
  for (std::size_t at = 0; at < text.size(); at += step) {
    Piece piece;
    parser.feed(text.substr(at, step), piece);
    choice.append(piece);
  }
  Piece rest;
  parser.finish(rest);
  choice.append(rest);
  std::string all = choice.text;
  for (const ToolCall& call : choice.calls) all += '\x01' + call.name + '\x02' + call.arguments;
  return all;
}

}  // namespace

/// However a text is cut, it is parsed to the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto format = static_cast<ToolFormat>(data[0] % 6);
  const std::size_t step = data[1] % 16 + 1U;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  if (parse(format, text, text.size() + 1) != parse(format, text, step)) std::abort();
  return 0;
}
