// Reads tokenizer.json into TokenizerParts.
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "text/byte_alphabet.h"
#include "text/json_reader.h"
#include "text/tokenizer.h"
#include "text/tokenizer_pipeline.h"

namespace baton::text {
namespace {

constexpr TokenId kMaxTokenId = 16'000'000;

TokenId token_id(const JsonNode& node) {
  const auto id = node.integer();
  if (id < 0 || id > kMaxTokenId) node.refuse("token id " + std::to_string(id) + " is out of range");
  return static_cast<TokenId>(id);
}

// The two halves of a merge, written "a b" or ["a", "b"].
std::pair<std::string, std::string> halves_of(const JsonNode& merge) {
  if (merge.is_array()) {
    if (merge.size() != 2) merge.refuse("a merge must have two parts");
    return {merge.at(0).string(), merge.at(1).string()};
  }
  const std::string text = merge.string();
  const std::size_t space = text.find(' ');
  if (space == text.npos || text.find(' ', space + 1) != text.npos) merge.refuse("a merge must be two parts and a space");
  return {text.substr(0, space), text.substr(space + 1)};
}

std::vector<MergeTable::Entry> read_merges(const JsonNode& model, const TokenIndex& spellings) {
  std::vector<MergeTable::Entry> merges;
  const JsonNode list = model.get("merges");
  merges.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    const JsonNode item = list.at(i);
    const auto [left, right] = halves_of(item);
    const TokenId left_id = spellings.find(left);
    const TokenId right_id = spellings.find(right);
    const TokenId result = spellings.find(left + right);
    if (left_id == kNoToken || right_id == kNoToken || result == kNoToken) {
      item.refuse("merge of \"" + left + "\" and \"" + right + "\": a token is not in the vocabulary");
    }
    merges.push_back({left_id, right_id, {static_cast<std::uint32_t>(i), result}});
  }
  return merges;
}

void refuse_unsupported_model(const JsonNode& model) {
  if (const JsonNode type = model.get("type"); type.present() && type.string() != "BPE") {
    type.refuse("model \"" + type.string() + "\" is not supported, only BPE");
  }
  if (const JsonNode dropout = model.get("dropout"); dropout.present() && dropout.number() != 0) {
    dropout.refuse("dropout is not supported");
  }
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const JsonNode affix = model.get(key);
    if (affix.present() && !affix.string().empty()) affix.refuse("is not supported");
  }
}

std::string byte_token_spelling(unsigned byte) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  return std::string("<0x") + kHex[byte >> 4] + kHex[byte & 15] + ">";
}

BpeParts read_model(const JsonNode& model, bool byte_level, std::vector<std::pair<std::string, TokenId>>& spellings) {
  refuse_unsupported_model(model);
  for (const auto& [token, id] : model.get("vocab").members()) spellings.emplace_back(token, token_id(id));
  const TokenIndex index(spellings);
  BpeParts parts;
  parts.byte_level = byte_level;
  parts.byte_fallback = model.get("byte_fallback").boolean_or(false);
  parts.fuse_unknown = model.get("fuse_unk").boolean_or(false);
  parts.ignore_merges = model.get("ignore_merges").boolean_or(false);
  parts.merges = read_merges(model, index);
  if (const JsonNode unknown = model.get("unk_token"); unknown.present()) {
    parts.unknown = index.find(unknown.string());
    if (unknown.string().empty()) parts.unknown = kNoToken;
  }
  for (unsigned b = 0; b < 256; ++b) {
    const auto byte = static_cast<char>(static_cast<unsigned char>(b));
    parts.byte_tokens[b] = index.find(byte_level ? alphabet_of_bytes({&byte, 1}) : byte_token_spelling(b));
  }
  if (!byte_level) {
    parts.vocab = spellings;
    return parts;
  }
  for (const auto& [token, id] : spellings) {
    if (auto bytes = bytes_of_alphabet(token)) parts.vocab.emplace_back(std::move(*bytes), id);
  }
  return parts;
}

// A token already in the vocabulary keeps the id it has there.
std::vector<AddedToken> read_added_tokens(const JsonNode& list, const TokenIndex& vocab) {
  std::vector<AddedToken> specials;
  std::vector<AddedToken> others;
  for (std::size_t i = 0; list.present() && i < list.size(); ++i) {
    const JsonNode item = list.at(i);
    AddedToken token;
    token.content = item.get("content").string();
    token.id = token_id(item.get("id"));
    token.special = item.get("special").boolean_or(false);
    token.normalized = item.get("normalized").boolean_or(!token.special);
    token.single_word = item.get("single_word").boolean_or(false);
    token.lstrip = item.get("lstrip").boolean_or(false);
    token.rstrip = item.get("rstrip").boolean_or(false);
    if (const TokenId id = vocab.find(token.content); id != kNoToken) token.id = id;
    (token.special ? specials : others).push_back(std::move(token));
  }
  // Special tokens win over others of the same spelling.
  specials.insert(specials.end(), others.begin(), others.end());
  return specials;
}

std::vector<std::string> decoded_tokens(const TokenizerParts& parts, const TokenDecoder& decoder) {
  std::vector<std::string> bytes;
  const auto put = [&](TokenId id, std::string text) {
    const auto at = static_cast<std::size_t>(id);
    if (at >= bytes.size()) bytes.resize(at + 1);
    bytes[at] = std::move(text);
  };
  for (const auto& [token, id] : parts.spellings) put(id, decode_token(decoder, token));
  for (const AddedToken& token : parts.added_tokens) {
    // The reference spells a normalised token in the normalised text, so that "▁" before it comes back as a space.
    const std::string spelling = token.normalized ? parts.normalizer.run(token.content) : token.content;
    put(token.id, decode_token(decoder, spelling));
  }
  return bytes;
}

TokenizerParts read_tokenizer(const JsonNode& root) {
  TokenizerParts parts;
  PreTokenizerSpec pre = read_pre_tokenizer(root.get("pre_tokenizer"));
  parts.normalizer = read_normalizer(root.get("normalizer"));
  parts.pre_tokenizer = PreTokenizer(std::move(pre.stages));
  parts.model = read_model(root.get("model"), pre.byte_level, parts.spellings);
  const TokenDecoder decoder = read_decoder(root.get("decoder"));
  parts.added_tokens = read_added_tokens(root.get("added_tokens"), TokenIndex(parts.spellings));
  parts.token_bytes = decoded_tokens(parts, decoder);
  for (const AddedToken& token : parts.added_tokens) parts.spellings.emplace_back(token.content, token.id);
  parts.leading_spaces_stripped = decoder.leading_spaces_stripped;
  TemplateIds ids = read_post_processor(root.get("post_processor"), parts.token_bytes.size());
  parts.prefix = std::move(ids.prefix);
  parts.suffix = std::move(ids.suffix);
  return parts;
}

}  // namespace

Result<Tokenizer> Tokenizer::from_json(std::string_view json, std::string_view name) {
  const auto document = nlohmann::json::parse(json, nullptr, false);
  if (document.is_discarded()) return fail(Errc::corrupt_file, std::string(name) + ": not valid JSON");
  try {
    return Tokenizer(read_tokenizer(JsonNode(document, "")));
  } catch (const JsonRefusal& refusal) {
    return fail(Errc::corrupt_file, std::string(name) + ": " + refusal.message);
  }
}

Result<Tokenizer> Tokenizer::load(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(Errc::io, file.string() + ": cannot be opened");
  std::ostringstream text;
  text << in.rdbuf();
  if (in.bad()) return fail(Errc::io, file.string() + ": cannot be read");
  return from_json(text.view(), file.string());
}

}  // namespace baton::text
