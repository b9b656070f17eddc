#include "text/added_tokens.h"

#include <algorithm>

#include "text/unicode.h"
#include "text/utf8.h"

namespace baton::text {
namespace {

// Start of the last character before `at`.
std::size_t character_before(std::string_view text, std::size_t at) {
  do {
    --at;
  } while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return at;
}

bool has_class(std::string_view text, std::size_t at, CharClass wanted) {
  return (UnicodeTable::instance()[decode_utf8(text, at).value] & wanted) != 0;
}

bool stands_alone(std::string_view text, std::size_t begin, std::size_t end) {
  const bool word_before = begin > 0 && has_class(text, character_before(text, begin), kWord);
  const bool word_after = end < text.size() && has_class(text, end, kWord);
  return !word_before && !word_after;
}

std::size_t spaces_before(std::string_view text, std::size_t at, std::size_t floor) {
  while (at > floor && has_class(text, character_before(text, at), kSpace)) at = character_before(text, at);
  return std::max(at, floor);
}

std::size_t spaces_after(std::string_view text, std::size_t at) {
  while (at < text.size() && has_class(text, at, kSpace)) at += decode_utf8(text, at).size;
  return at;
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)), nodes_(1) {
  std::erase_if(tokens_, [](const AddedToken& t) { return t.content.empty(); });
  for (std::size_t i = 0; i < tokens_.size(); ++i) insert(static_cast<std::int32_t>(i));
}

void AddedTokenMatcher::insert(std::int32_t token) {
  const std::string& content = tokens_[static_cast<std::size_t>(token)].content;
  starts_[static_cast<unsigned char>(content[0])] = true;
  std::uint32_t node = 0;
  for (const char c : content) {
    const auto byte = static_cast<unsigned char>(c);
    std::uint32_t next = child(node, byte);
    if (next == 0) {
      next = static_cast<std::uint32_t>(nodes_.size());
      nodes_[node].children.emplace_back(byte, next);
      nodes_.emplace_back();
    }
    node = next;
  }
  if (nodes_[node].token < 0) nodes_[node].token = token;
}

std::uint32_t AddedTokenMatcher::child(std::uint32_t node, unsigned char byte) const {
  for (const auto& [key, next] : nodes_[node].children) {
    if (key == byte) return next;
  }
  return 0;
}

std::int32_t AddedTokenMatcher::longest_at(std::string_view text, std::size_t at) const {
  std::int32_t found = -1;
  std::uint32_t node = 0;
  for (; at < text.size(); ++at) {
    node = child(node, static_cast<unsigned char>(text[at]));
    if (node == 0) break;
    if (nodes_[node].token >= 0) found = nodes_[node].token;
  }
  return found;
}

std::vector<Segment> AddedTokenMatcher::split(std::string_view text, bool parse_special) const {
  std::vector<Segment> segments;
  std::size_t done = 0;
  for (std::size_t at = 0; !tokens_.empty() && at < text.size();) {
    const std::int32_t found = starts_[static_cast<unsigned char>(text[at])] ? longest_at(text, at) : -1;
    if (found < 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<std::size_t>(found)];
    std::size_t begin = at;
    std::size_t end = at + token.content.size();
    at = end;
    if (token.special && !parse_special) continue;
    if (token.single_word && !stands_alone(text, begin, end)) continue;
    if (token.lstrip) begin = std::max(spaces_before(text, begin, std::min(done, begin)), done);
    if (token.rstrip) end = spaces_after(text, end);
    if (begin > done) segments.push_back({done, begin, -1});
    if (begin < end) segments.push_back({begin, end, token.id});
    done = end;  // not the maximum: tokens inside white space that another swallowed count again, as in the reference
  }
  if (done < text.size()) segments.push_back({done, text.size(), -1});
  return segments;
}

}  // namespace baton::text
