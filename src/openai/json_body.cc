#include "openai/json_body.h"

#include <cstring>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "openai/field_reader.h"
#include "openai/json.h"
#include "openai/json_guard.h"
#include "openai/json_string.h"
#include "openai/request.h"

namespace baton::openai {
namespace {

using json = Json;

/// Strings from this length on are taken out of the document before it is parsed.
constexpr std::size_t kLongString = 512;
/// What stands for a long string: no decoded text of a client starts with it, see lift_long_strings().
constexpr std::string_view kMark = "\\u0000";

/// A body with its long strings taken out: `"\u0000N"` stands where string N was.
struct Lifted {
  std::string text;
  std::vector<std::string> strings;
};

/// Whether the string that ends before `at` is a key.
bool is_key(std::string_view body, std::size_t at) {
  const std::size_t next = body.find_first_not_of(" \t\r\n", at);
  return next != std::string_view::npos && body[next] == ':';
}

/// Nothing if there is nothing to gain, a string could be taken for a mark or must be refused, or a key is long.
std::optional<Lifted> lift_long_strings(std::string_view body) {
  Lifted lifted;
  std::size_t copied = 0;
  std::size_t at = 0;
  while (true) {
    const auto* quote = static_cast<const char*>(std::memchr(body.data() + at, '"', body.size() - at));
    if (quote == nullptr) break;
    const auto open = static_cast<std::size_t>(quote - body.data());
    const std::size_t close = json_string_end(body, open + 1);
    if (close == std::string_view::npos) return std::nullopt;
    const std::string_view raw = body.substr(open + 1, close - open - 1);
    if (raw.starts_with(kMark)) return std::nullopt;
    at = close + 1;
    if (raw.size() < kLongString) continue;
    if (is_key(body, at)) return std::nullopt;
    auto decoded = decode_json_string(raw);
    if (!decoded) return std::nullopt;
    lifted.text.append(body.substr(copied, open + 1 - copied)).append(kMark);
    lifted.text.append(std::to_string(lifted.strings.size()));
    lifted.strings.push_back(std::move(*decoded));
    copied = close;
  }
  if (lifted.strings.empty()) return std::nullopt;
  lifted.text.append(body.substr(copied));
  return lifted;
}

/// The string a mark stands for; nullptr for ordinary text. Each string is used once: duplicate keys may drop some.
std::string* marked(std::string_view text, std::vector<std::string>& strings) {
  if (text.empty() || text.front() != '\0') return nullptr;
  std::size_t number = 0;
  for (const char digit : text.substr(1)) number = number * 10 + static_cast<std::size_t>(digit - '0');
  return &strings[number];
}

/// Puts the strings back. Iterative, as documents may nest up to the limit.
void put_back(json& document, std::vector<std::string>& strings) {
  std::vector<json*> open{&document};
  while (!open.empty()) {
    json& value = *open.back();
    open.pop_back();
    if (value.is_string()) {
      if (std::string* text = marked(value.get_ref<std::string&>(), strings)) value = std::move(*text);
    } else if (value.is_structured()) {
      for (json& item : value) open.push_back(&item);
    }
  }
}

Result<json> parse_text(std::string_view text) {
  try {
    return json::parse(text);
  } catch (const json::parse_error& e) {
    return fail(Errc::invalid_request, "Could not parse the JSON body: syntax error or invalid UTF-8 near byte " +
                                           std::to_string(e.byte) + ".");
  } catch (const json::exception&) {
    return fail(Errc::invalid_request, "Could not parse the JSON body: a number is out of range.");
  }
}

}  // namespace

Result<json> parse_body(std::string_view body) {
  if (body.empty()) return fail(Errc::invalid_request, "The request body is empty; send a JSON object.");
  // The parser beneath takes a zero byte for the end of its input and would ignore what follows.
  if (const std::size_t zero = body.find('\0'); zero != std::string_view::npos) {
    return fail(Errc::invalid_request,
                "Could not parse the JSON body: a zero byte at byte " + std::to_string(zero + 1) + ".");
  }
  if (!json_depth_within(body, kMaxJsonDepth)) {
    return fail(Errc::invalid_request, "The JSON body nests deeper than " + std::to_string(kMaxJsonDepth) + " levels.");
  }
  std::optional<Lifted> lifted;
  if (body.size() >= kLongString) lifted = lift_long_strings(body);
  auto document = parse_text(lifted ? std::string_view(lifted->text) : body);
  // Positions in errors are those of the body the client sent.
  if (!document && lifted) return parse_text(body);
  if (!document) return document;
  if (lifted) put_back(*document, lifted->strings);
  if (document->is_object()) return document;
  return fail(Errc::invalid_request,
              "The request body must be a JSON object, but is " + std::string(type_name(*document)) + ".");
}

}  // namespace baton::openai
