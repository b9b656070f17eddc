#include "unit/router/byte_model.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "text/byte_alphabet.h"

namespace baton::router {

using nlohmann::json;

std::filesystem::path make_byte_model(const std::filesystem::path& directory, std::string_view chat_template) {
  std::filesystem::create_directories(directory);
  json vocab;
  for (int byte = 0; byte < 256; ++byte) {
    vocab[text::alphabet_of_bytes(std::string(1, static_cast<char>(byte)))] = byte;
  }
  const json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
  const json eos = {{"id", 256},       {"content", "<eos>"},  {"single_word", false}, {"lstrip", false},
                    {"rstrip", false}, {"normalized", false}, {"special", true}};
  const json tokenizer = {{"version", "1.0"},
                          {"added_tokens", json::array({eos})},
                          {"normalizer", nullptr},
                          {"pre_tokenizer", byte_level},
                          {"post_processor", nullptr},
                          {"decoder", byte_level},
                          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", json::array()}}}};
  std::ofstream(directory / "tokenizer.json") << tokenizer.dump();
  constexpr std::string_view kPlain =
      "{% for m in messages %}{{ m.role }}:{{ m.content }}\n{% endfor %}"
      "{% if messages[0].content == 'boom' %}{{ raise_exception('no booms') }}{% endif %}";
  const json chat = {{"eos_token", "<eos>"}, {"chat_template", chat_template.empty() ? kPlain : chat_template}};
  std::ofstream(directory / "tokenizer_config.json") << chat.dump();
  return directory;
}

}  // namespace baton::router
