#pragma once

#include <cstdint>
#include <fstream>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "grammar/grammar.h"

namespace baton::test {

using grammar::Matcher;
using Json = nlohmann::ordered_json;

inline constexpr TokenId kEos = 0;

/// EOS, a special token, every byte, and words of several bytes made of what JSON texts are made of.
inline std::vector<std::string> token_list(std::size_t words, std::uint32_t seed) {
  std::vector<std::string> tokens{"", ""};
  for (int byte = 0; byte < 256; ++byte) tokens.push_back(std::string(1, static_cast<char>(byte)));
  static const std::vector<std::string> kPieces{"\"", "\",", "\":", "{", "}", "[", "]", ",", ": ", ", ", "a", "name", "e", "1", "23", "0",
                                                "-", ".", "\\", "u00", "n", "true", "null", "é", "\xe6\x97", "\xa5", "b", "x", " ", "\n"};
  std::set<std::string> seen(tokens.begin(), tokens.end());
  std::mt19937 random(seed);
  while (tokens.size() < words) {
    std::string token;
    for (auto n = 1 + random() % 5; n > 0; --n) token += kPieces[random() % kPieces.size()];
    if (seen.insert(token).second) tokens.push_back(token);
  }
  return tokens;
}

inline Constraint::Kind kind_of(const std::string& name) {
  if (name == "json_object") return Constraint::Kind::json_object;
  if (name == "json_schema") return Constraint::Kind::json_schema;
  if (name == "regex") return Constraint::Kind::regex;
  if (name == "choice") return Constraint::Kind::choice;
  throw std::runtime_error("unknown kind " + name);
}

inline const Json& cases() {
  static const Json all = [] {
    std::ifstream file(std::string(BATON_SOURCE_DIR) + "/tests/data/grammar/cases.json");
    return Json::parse(file);
  }();
  return all;
}

/// A vocabulary with its grammars.
struct Language {
  explicit Language(std::vector<std::string> token_bytes)
      : tokens(std::move(token_bytes)), vocabulary(grammar::make_vocabulary(tokens, {kEos})) {}

  Matcher matcher(const Constraint& constraint) const {
    auto compiled = grammar::compile(constraint);
    if (!compiled) throw std::runtime_error(compiled.error().message);
    return Matcher(grammar::bind(*compiled, vocabulary));
  }
  std::vector<std::uint64_t> bits() const { return std::vector<std::uint64_t>((tokens.size() + 63) / 64); }
  std::vector<TokenId> allowed(const Matcher& matcher) const {
    auto mask = bits();
    matcher.mask(mask);
    std::vector<TokenId> out;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if ((mask[i / 64] >> (i % 64) & 1) != 0) out.push_back(static_cast<TokenId>(i));
    }
    return out;
  }
  /// Ids of tokens `text` begins with.
  std::vector<TokenId> prefixes(std::string_view text) const {
    std::vector<TokenId> out;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (!tokens[i].empty() && text.starts_with(tokens[i])) out.push_back(static_cast<TokenId>(i));
    }
    return out;
  }

  std::vector<std::string> tokens;
  std::shared_ptr<const grammar::Vocabulary> vocabulary;
};

/// Byte by byte, to the end.
inline bool accepts(Matcher matcher, std::string_view text) {
  for (const char c : text) {
    if (!matcher.accept(static_cast<TokenId>(2 + static_cast<unsigned char>(c)))) return false;
  }
  return matcher.may_end();
}

}  // namespace baton::test
