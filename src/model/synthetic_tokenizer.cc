#include "model/synthetic_tokenizer.h"

#include <array>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <vector>

#include "core/check.h"

namespace baton::model {
namespace {

using nlohmann::json;

/// What differs between the families: split rule, special tokens, chat template.
struct Flavour {
  std::string_view split;
  std::span<const std::string_view> specials;
  std::string_view bos;  ///< empty: the template adds none
  std::string_view eos;
  std::string_view chat_template;
};

constexpr std::string_view kLlamaSplit =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwenSplit =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::array<std::string_view, 5> kLlamaSpecials{"<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>",
                                                         "<|end_header_id|>", "<|eot_id|>"};
constexpr std::array<std::string_view, 3> kQwenSpecials{"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
constexpr std::array<std::string_view, 4> kMistralSpecials{"<s>", "</s>", "[INST]", "[/INST]"};

constexpr std::string_view kLlamaTemplate =
    "{% for message in messages %}{% if loop.index0 == 0 %}{{ bos_token }}{% endif %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}";
constexpr std::string_view kQwenTemplate =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + "
    "'\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
constexpr std::string_view kMistralTemplate =
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'assistant' %}"
    "{{ ' ' + message['content'] + eos_token }}{% else %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% endif %}"
    "{% endfor %}";

Flavour flavour_of(Architecture architecture) {
  switch (architecture) {
    case Architecture::qwen2:
    case Architecture::qwen3:
      return {kQwenSplit, kQwenSpecials, "", "<|im_end|>", kQwenTemplate};
    case Architecture::mistral:
      return {kLlamaSplit, kMistralSpecials, "<s>", "</s>", kMistralTemplate};
    case Architecture::llama:
      break;
  }
  return {kLlamaSplit, kLlamaSpecials, "<|begin_of_text|>", "<|eot_id|>", kLlamaTemplate};
}

std::string utf8(std::uint32_t code_point) {
  if (code_point < 0x80) return {static_cast<char>(code_point)};
  return {static_cast<char>(0xC0 | (code_point >> 6)), static_cast<char>(0x80 | (code_point & 0x3F))};
}

/// The printable stand-in of each byte that GPT-2 introduced: printable Latin-1 stays, the rest moves to U+0100 and up.
std::vector<std::string> byte_alphabet() {
  std::vector<std::string> alphabet;
  std::uint32_t moved = 0x100;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    const bool stays = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    alphabet.push_back(utf8(stays ? byte : moved++));
  }
  return alphabet;
}

/// The n-th made-up word with a leading space, distinct for each n: syllables as digits of n.
std::string made_up_word(std::uint32_t n) {
  constexpr std::string_view kConsonants = "bdfgklmnprstvz";
  constexpr std::string_view kVowels = "aeiou";
  constexpr auto kSyllables = static_cast<std::uint32_t>(kConsonants.size() * kVowels.size());
  std::string word;
  do {
    word += kConsonants[n % kSyllables / kVowels.size()];
    word += kVowels[n % kVowels.size()];
    n /= kSyllables;
  } while (n > 0);
  return "\u0120" + word;  // U+0120 stands for the space
}

json added_token(TokenId id, std::string_view content) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

json byte_level() {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
}

json post_processor(std::string_view bos, TokenId id) {
  if (bos.empty()) return byte_level();
  const json special = {{"SpecialToken", {{"id", bos}, {"type_id", 0}}}};
  const json first = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const json second = {{"Sequence", {{"id", "B"}, {"type_id", 1}}}};
  const json entry = {{"id", bos}, {"ids", json::array({id})}, {"tokens", json::array({bos})}};
  const json added = {{"type", "TemplateProcessing"},
                      {"single", json::array({special, first})},
                      {"pair", json::array({special, first, special, second})},
                      {"special_tokens", {{std::string(bos), entry}}}};
  return {{"type", "Sequence"}, {"processors", json::array({byte_level(), added})}};
}

}  // namespace

SyntheticTokenizer make_synthetic_tokenizer(Architecture architecture, std::int32_t vocab) {
  BATON_CHECK(vocab >= 300);
  const Flavour flavour = flavour_of(architecture);
  const auto first_special = static_cast<TokenId>(vocab - static_cast<std::int32_t>(flavour.specials.size()));
  const auto id_of = [&](std::string_view special) {
    TokenId id = first_special;
    for (const std::string_view candidate : flavour.specials) {
      if (candidate == special) break;
      ++id;
    }
    return id;
  };

  json words;
  TokenId next = 0;
  for (const std::string& byte : byte_alphabet()) words[byte] = next++;
  while (next < first_special) {
    const auto n = static_cast<std::uint32_t>(next - 256);
    words[made_up_word(n)] = next++;
  }
  json added = json::array();
  for (const std::string_view special : flavour.specials) added.push_back(added_token(id_of(special), special));

  const json split = {
      {"type", "Split"}, {"pattern", {{"Regex", flavour.split}}}, {"behavior", "Isolated"}, {"invert", false}};
  const json tokenizer = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", json::array({split, byte_level()})}}},
      {"post_processor", post_processor(flavour.bos, id_of(flavour.bos))},
      {"decoder", byte_level()},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", nullptr},
        {"continuing_subword_prefix", nullptr},
        {"end_of_word_suffix", nullptr},
        {"fuse_unk", false},
        {"byte_fallback", false},
        {"ignore_merges", true},
        {"vocab", words},
        {"merges", json::array()}}}};
  json config = {{"chat_template", flavour.chat_template},
                 {"clean_up_tokenization_spaces", false},
                 {"eos_token", flavour.eos},
                 {"tokenizer_class", "PreTrainedTokenizerFast"}};
  config["bos_token"] = flavour.bos.empty() ? json(nullptr) : json(flavour.bos);
  return {.tokenizer_json = tokenizer.dump(),
          .tokenizer_config_json = config.dump(2),
          .bos = flavour.bos.empty() ? first_special : id_of(flavour.bos),
          .eos = id_of(flavour.eos)};
}

}  // namespace baton::model
