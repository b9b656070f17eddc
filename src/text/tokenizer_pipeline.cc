#include "text/tokenizer_pipeline.h"

#include <array>

#include "text/byte_alphabet.h"
#include "text/utf8.h"

namespace baton::text {
namespace {

constexpr std::string_view kMetaspace = "\xE2\x96\x81";
constexpr int kMaxNesting = 16;

Regex compile(const JsonNode& node) {
  auto regex = Regex::compile(node.string());
  if (!regex) node.refuse(regex.error().message);
  return *std::move(regex);
}

// {"String": "..."} or {"Regex": "..."}
std::variant<std::string, Regex> read_pattern(const JsonNode& node) {
  if (const JsonNode literal = node.get("String"); literal.present()) return literal.string();
  return compile(node.get("Regex"));
}

// Calls `visit` for every stage of nested Sequences; `key` names the member that lists them.
template <class Visit>
void for_each_stage(const JsonNode& node, std::string_view key, const Visit& visit, int depth = 0) {
  if (!node.present()) return;
  const std::string type = node.get("type").string();
  if (type != "Sequence") {
    visit(node, type);
    return;
  }
  if (depth > kMaxNesting) node.refuse("is nested too deeply");
  const JsonNode list = node.get(key);
  for (std::size_t i = 0; i < list.size(); ++i) for_each_stage(list.at(i), key, visit, depth + 1);
}

SplitBehavior read_behavior(const JsonNode& node) {
  const std::string name = node.string();
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  node.refuse("\"" + name + "\" is not a split behavior");
}

PreTokenizerStage read_split(const JsonNode& node) {
  SplitStage stage;
  stage.behavior = read_behavior(node.get("behavior"));
  stage.invert = node.get("invert").boolean_or(false);
  const JsonNode regex = node.get("pattern").get("Regex");
  const auto known = regex.present() ? known_pattern(regex.string()) : std::nullopt;
  const bool tiles = stage.behavior == SplitBehavior::isolated || (stage.behavior == SplitBehavior::removed && stage.invert);
  if (known && tiles) return ScannerStage{*known};
  stage.pattern = read_pattern(node.get("pattern"));
  return stage;
}

// Pre-tokenizers that are a Split by another name.
SplitStage read_fixed_split(const JsonNode& node, const std::string& type) {
  const auto words = [](std::string_view regex, SplitBehavior behavior) {
    return SplitStage{*Regex::compile(regex), behavior, false};
  };
  if (type == "Whitespace") {  // Rust's \w, which is not Oniguruma's
    constexpr std::string_view kWord =
        R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{200c}\x{200d}\x{24b6}-\x{24e9}\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189})";
    SplitStage stage = words("[" + std::string(kWord) + "]+|[^\\s" + std::string(kWord) + "]+", SplitBehavior::removed);
    stage.invert = true;
    return stage;
  }
  if (type == "WhitespaceSplit") return words("\\s", SplitBehavior::removed);
  if (type == "CharDelimiterSplit") return {node.get("delimiter").string(), SplitBehavior::removed, false};
  if (type == "Punctuation") {
    const JsonNode behavior = node.get("behavior");
    return words(R"([!-/:-@\[-`{-~\p{P}])", behavior.present() ? read_behavior(behavior) : SplitBehavior::isolated);
  }
  node.refuse("\"" + type + "\" is not a supported pre-tokenizer");
}

PrependScheme read_scheme(const JsonNode& node) {
  const JsonNode scheme = node.get("prepend_scheme");
  // Files from before prepend_scheme have add_prefix_space.
  if (!scheme.present()) return node.get("add_prefix_space").boolean_or(true) ? PrependScheme::always : PrependScheme::never;
  const std::string name = scheme.string();
  if (name == "always") return PrependScheme::always;
  if (name == "first") return PrependScheme::first;
  if (name == "never") return PrependScheme::never;
  scheme.refuse("\"" + name + "\" is not a prepend scheme");
}

void add_byte_level(const JsonNode& node, PreTokenizerSpec& spec) {
  if (node.get("add_prefix_space").boolean_or(true)) spec.stages.push_back(PrefixStage{" "});
  if (node.get("use_regex").boolean_or(true)) spec.stages.push_back(ScannerStage{KnownPattern::gpt2});
  spec.byte_level = true;
}

TokenId template_id(const JsonNode& node, std::size_t vocab_size) {
  const auto id = node.integer();
  if (id < 0 || static_cast<std::uint64_t>(id) >= vocab_size) node.refuse("is not a token of the vocabulary");
  return static_cast<TokenId>(id);
}

TemplateIds read_template(const JsonNode& node, std::size_t vocab_size) {
  TemplateIds out;
  bool behind_sequence = false;
  const JsonNode single = node.get("single");
  for (std::size_t i = 0; i < single.size(); ++i) {
    if (single.at(i).get("Sequence").present()) {
      if (behind_sequence) single.refuse("uses a sequence twice, which is not supported");
      behind_sequence = true;
      continue;
    }
    const std::string name = single.at(i).get("SpecialToken").get("id").string();
    const JsonNode ids = node.get("special_tokens").get(name).get("ids");
    auto& side = behind_sequence ? out.suffix : out.prefix;
    for (std::size_t k = 0; k < ids.size(); ++k) side.push_back(template_id(ids.at(k), vocab_size));
  }
  if (!behind_sequence) single.refuse("has no sequence");
  return out;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// The byte of "<0xNN>", or -1.
int fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  const int high = hex_digit(token[3]);
  const int low = hex_digit(token[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

void add_strip(const JsonNode& node, TokenDecoder& decoder) {
  if (node.get("content").string() != " " || node.get("stop").integer() != 0) {
    node.refuse("strips something other than leading spaces, which is not supported");
  }
  const auto start = node.get("start").integer();
  if (start < 0 || start > 1) node.refuse("strips more than one leading space, which is not supported");
  decoder.leading_spaces_stripped = static_cast<std::size_t>(start);
}

}  // namespace

Normalizer read_normalizer(const JsonNode& root) {
  std::vector<NormalizerStep> steps;
  for_each_stage(root, "normalizers", [&](const JsonNode& node, const std::string& type) {
    if (type == "NFC") {
      steps.emplace_back(NormalForm::nfc);
    } else if (type == "NFD") {
      steps.emplace_back(NormalForm::nfd);
    } else if (type == "NFKC") {
      steps.emplace_back(NormalForm::nfkc);
    } else if (type == "NFKD") {
      steps.emplace_back(NormalForm::nfkd);
    } else if (type == "Prepend") {
      steps.emplace_back(PrependStep{node.get("prepend").string()});
    } else if (type == "Replace") {
      steps.emplace_back(ReplaceStep{read_pattern(node.get("pattern")), node.get("content").string()});
    } else if (type == "Strip") {
      steps.emplace_back(TrimStep{node.get("strip_left").boolean_or(true), node.get("strip_right").boolean_or(true)});
    } else if (type == "Lowercase") {
      steps.emplace_back(LowercaseStep{});
    } else {
      node.refuse("\"" + type + "\" is not a supported normalizer");
    }
  });
  return Normalizer(std::move(steps));
}

PreTokenizerSpec read_pre_tokenizer(const JsonNode& root) {
  PreTokenizerSpec spec;
  for_each_stage(root, "pretokenizers", [&](const JsonNode& node, const std::string& type) {
    if (spec.byte_level) node.refuse("stands behind ByteLevel, which is not supported");
    if (type == "ByteLevel") {
      add_byte_level(node, spec);
    } else if (type == "Split") {
      spec.stages.push_back(read_split(node));
    } else if (type == "Metaspace") {
      const std::string replacement = node.get("replacement").string_or(kMetaspace);
      spec.stages.push_back(MetaspaceStage{replacement, read_scheme(node), node.get("split").boolean_or(true)});
    } else if (type == "Digits") {
      spec.stages.push_back(DigitsStage{node.get("individual_digits").boolean_or(false)});
    } else {
      spec.stages.push_back(read_fixed_split(node, type));
    }
  });
  return spec;
}

TemplateIds read_post_processor(const JsonNode& root, std::size_t vocab_size) {
  TemplateIds ids;
  for_each_stage(root, "processors", [&](const JsonNode& node, const std::string& type) {
    if (type == "ByteLevel") return;
    if (type != "TemplateProcessing") node.refuse("\"" + type + "\" is not a supported post-processor");
    // A later template wraps what an earlier one made.
    TemplateIds outer = read_template(node, vocab_size);
    outer.prefix.insert(outer.prefix.end(), ids.prefix.begin(), ids.prefix.end());
    ids.suffix.insert(ids.suffix.end(), outer.suffix.begin(), outer.suffix.end());
    ids.prefix = std::move(outer.prefix);
  });
  return ids;
}

TokenDecoder read_decoder(const JsonNode& root) {
  if (!root.present()) root.refuse("is missing: without a decoder text cannot be restored");
  TokenDecoder decoder;
  bool fused = false;
  for_each_stage(root, "decoders", [&](const JsonNode& node, const std::string& type) {
    if (fused && type != "Strip" && type != "Fuse") node.refuse("stands behind Fuse, which is not supported");
    const bool makes_bytes = decoder.byte_level || decoder.byte_fallback;
    if (makes_bytes && (type == "Replace" || type == "Metaspace")) {
      node.refuse("stands behind a decoder that makes bytes, which is not supported");
    }
    if (type == "ByteLevel") {
      decoder.byte_level = true;
    } else if (type == "Replace") {
      decoder.replacements.push_back({read_pattern(node.get("pattern")), node.get("content").string()});
    } else if (type == "Metaspace") {
      const std::string replacement = node.get("replacement").string_or(kMetaspace);
      decoder.replacements.push_back({replacement, " "});
      decoder.leading_spaces_stripped = read_scheme(node) == PrependScheme::never ? 0 : 1;
    } else if (type == "ByteFallback") {
      decoder.byte_fallback = true;
    } else if (type == "Fuse") {
      fused = true;
    } else if (type == "Strip") {
      if (!fused) node.refuse("stands before Fuse, which is not supported");
      add_strip(node, decoder);
    } else {
      node.refuse("\"" + type + "\" is not a supported decoder");
    }
  });
  return decoder;
}

std::string decode_token(const TokenDecoder& decoder, std::string_view token) {
  std::string text(token);
  for (const ReplaceStep& step : decoder.replacements) text = replace_all(text, step);
  if (const int byte = decoder.byte_fallback ? fallback_byte(text) : -1; byte >= 0) {
    return {static_cast<char>(static_cast<unsigned char>(byte))};
  }
  if (decoder.byte_level) return bytes_of_alphabet(text).value_or(text);
  return text;
}

}  // namespace baton::text
