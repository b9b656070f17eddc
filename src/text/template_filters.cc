// Jinja's filters of a single value: text, numbers, JSON.
#include "text/template_filters.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "text/template_text.h"
#include "text/utf8.h"
#include "text/value_format.h"

namespace baton::text {
namespace {

using Kind = Value::Kind;

// The input as text, paid for; Jinja's soft_str.
std::string text_of(Runtime& rt, const Value& v) { return rt.charge_bytes(v.weight()) ? to_str(v) : std::string(); }

template <std::string (*change)(std::string_view)>
Value change_text(Runtime& rt, const Value& v, const CallArgs& /*args*/) {
  return Value(change(text_of(rt, v)));
}

// Unlike str.title, words start after white space and -([{< only.
std::string title_words(std::string_view text) {
  std::string out;
  bool start = true;
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint c = decode_utf8(text, i);
    const std::string_view letter = text.substr(i, c.size);
    out += start ? upper(letter) : lower(letter);
    start = is_python_space(c.value) || (c.value < 0x80 && std::string_view("-([{<").find(static_cast<char>(c.value)) != std::string_view::npos);
    i += c.size;
  }
  return out;
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&#34;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string encode_url(std::string_view text) {
  constexpr std::string_view kSafe = "-_.~/";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain || kSafe.find(c) != kSafe.npos) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

Value identity(Runtime& rt, const Value& v, const CallArgs& /*args*/) { return v.is(Kind::string) ? v : Value(text_of(rt, v)); }

Value trim(Runtime& rt, const Value& v, const CallArgs& args) {
  const std::string text = text_of(rt, v);
  const Value* set = args.get(0, "chars");
  if (set == nullptr || set->is(Kind::null)) return Value(strip(text, Side::both));
  const std::string characters = string_arg(rt, set, "");
  if (!rt.charge(1 + characters.size() * text.size() / 64)) return Value::Undefined{};
  return Value(strip(text, Side::both, &characters));
}

Value replace(Runtime& rt, const Value& v, const CallArgs& args) {
  CallArgs strings;
  for (std::size_t i = 0; i < 2; ++i) {
    const Value* part = args.get(i, i == 0 ? "old" : "new");
    if (part == nullptr) return rt.fail("replace needs two strings");
    strings.positional.emplace_back(text_of(rt, *part));
  }
  const Value* count = args.get(2, "count");
  if (count != nullptr && !count->is(Kind::null)) strings.positional.push_back(*count);
  return call_method(rt, Value(text_of(rt, v)), "replace", strings);
}

Value fallback(Runtime& /*rt*/, const Value& v, const CallArgs& args) {
  const Value* other = args.get(0, "default_value");
  const Value* boolean = args.get(1, "boolean");
  const bool use = v.is_undefined() || (boolean != nullptr && boolean->truthy() && !v.truthy());
  if (!use) return v;
  return other == nullptr ? Value("") : *other;
}

Value absolute(Runtime& rt, const Value& v, const CallArgs& /*args*/) {
  if (!v.is_numeric()) return rt.fail("abs needs a number, not " + std::string(type_name(v)));
  return compare(rt, "<", v, Value(0)) ? negative(rt, v) : binary(rt, "+", v, Value(0));
}

Value parse_integer(std::string_view text, int base, const Value& otherwise) {
  text = strip(text, Side::both);
  if (text.starts_with('+')) text.remove_prefix(1);
  const std::string_view marker = base == 16 ? "0x" : base == 8 ? "0o" : base == 2 ? "0b" : "";
  std::string_view digits = text;
  if (!marker.empty() && lower(text.substr(0, 2)) == marker) digits.remove_prefix(2);
  std::int64_t whole = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), whole, base);
  if (error == std::errc() && end == text.data() + text.size()) return Value(whole);
  double real = 0;
  const auto [real_end, real_error] = std::from_chars(text.data(), text.data() + text.size(), real);
  const bool fits = std::fabs(real) < 9e18;
  if (real_error == std::errc() && real_end == text.data() + text.size() && fits) return Value(static_cast<std::int64_t>(real));
  return otherwise;
}

Value to_integer(Runtime& rt, const Value& v, const CallArgs& args) {
  const Value* given = args.get(0, "default");
  const Value otherwise = given == nullptr ? Value(0) : *given;
  const std::int64_t base = integer_arg(rt, args.get(1, "base"), 10);
  if (base < 2 || base > 36) return otherwise;
  if (v.is(Kind::integer)) return v;
  if (v.is(Kind::boolean)) return Value(v.boolean() ? 1 : 0);
  if (v.is(Kind::number)) return std::fabs(v.number()) < 9e18 ? Value(static_cast<std::int64_t>(v.number())) : otherwise;
  return v.is(Kind::string) ? parse_integer(v.string(), static_cast<int>(base), otherwise) : otherwise;
}

Value to_number(Runtime& /*rt*/, const Value& v, const CallArgs& args) {
  const Value* given = args.get(0, "default");
  const Value otherwise = given == nullptr ? Value(0.0) : *given;
  if (v.is(Kind::number)) return v;
  if (v.is(Kind::integer)) return Value(static_cast<double>(v.integer()));
  if (v.is(Kind::boolean)) return Value(v.boolean() ? 1.0 : 0.0);
  if (!v.is(Kind::string)) return otherwise;
  std::string_view text = strip(v.string(), Side::both);
  if (text.starts_with('+')) text.remove_prefix(1);
  double real = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), real);
  return error == std::errc() && end == text.data() + text.size() ? Value(real) : otherwise;
}

Value round_number(Runtime& rt, const Value& v, const CallArgs& args) {
  const std::int64_t precision = integer_arg(rt, args.get(0, "precision"), 0);
  const std::string method = string_arg(rt, args.get(1, "method"), "common");
  if (!v.is_numeric()) return rt.fail("round needs a number, not " + std::string(type_name(v)));
  if (method != "common" && method != "ceil" && method != "floor") return rt.fail("method must be common, ceil or floor");
  const Value real = binary(rt, "+", v, Value(0.0));
  if (!rt.ok() || precision < -300 || precision > 300) return v;
  if (method == "common") {
    if (v.is(Kind::integer) && precision >= 0) return v;
    if (precision >= 0 && std::fabs(real.number()) < 1e15) {
      // Python rounds the decimal expansion, as printf does.
      std::array<char, 512> text{};
      std::snprintf(text.data(), text.size(), "%.*f", static_cast<int>(std::min<std::int64_t>(precision, 30)), real.number());
      double rounded = 0;
      std::from_chars(text.data(), text.data() + std::string_view(text.data()).size(), rounded);
      return Value(rounded);
    }
  }
  const double scale = std::pow(10.0, static_cast<double>(precision));
  const double scaled = real.number() * scale;
  return Value((method == "ceil" ? std::ceil(scaled) : method == "floor" ? std::floor(scaled) : std::nearbyint(scaled)) / scale);
}

Value indent(Runtime& rt, const Value& v, const CallArgs& args) {
  const Value* width = args.get(0, "width");
  const bool named = width != nullptr && width->is(Kind::string);
  const std::int64_t spaces = named ? 0 : std::clamp<std::int64_t>(integer_arg(rt, width, 4), 0, 4096);
  const std::string indention = named ? width->string() : std::string(static_cast<std::size_t>(spaces), ' ');
  const auto flag = [&](std::size_t at, std::string_view name) {
    const Value* given = args.get(at, name);
    return given != nullptr && given->truthy();
  };
  const std::string text = text_of(rt, v) + "\n";
  const auto lines = split_lines(text, Ends::dropped);
  if (!rt.charge_bytes(text.size() + lines.size() * indention.size())) return Value::Undefined{};
  std::string out = flag(1, "first") ? indention : "";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += "\n";
    if (i > 0 && (flag(2, "blank") || !lines[i].empty())) out += indention;
    out += lines[i];
  }
  return Value(std::move(out));
}

// json.dumps with the keyword arguments of the Hugging Face filter.
Value tojson(Runtime& rt, const Value& v, const CallArgs& args) {
  JsonFormat format;
  const auto flag = [&](std::size_t at, std::string_view name) {
    const Value* given = args.get(at, name);
    return given != nullptr && given->truthy();
  };
  format.ensure_ascii = flag(0, "ensure_ascii");
  format.sort_keys = flag(3, "sort_keys");
  const Value* indent_arg = args.get(1, "indent");
  if (indent_arg != nullptr && !indent_arg->is(Kind::null)) {
    format.pretty = true;
    format.item_separator = std::string(1, ',');
    const std::int64_t width = indent_arg->is(Kind::string) ? 0 : integer_arg(rt, indent_arg, 0);
    format.indent = indent_arg->is(Kind::string) ? indent_arg->string()
                                                 : std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(width, 0, 64)), ' ');
  }
  if (const Value* separators = args.get(2, "separators"); separators != nullptr && !separators->is(Kind::null)) {
    if (!separators->is(Kind::array) || separators->items().size() != 2) return rt.fail("separators must be two strings");
    format.item_separator = string_arg(rt, &separators->items()[0], "");
    format.key_separator = string_arg(rt, &separators->items()[1], "");
  }
  const std::uint64_t per_item = 2 + format.indent.size() * static_cast<std::uint64_t>(v.depth()) / 4 +
                                 (format.item_separator.size() + format.key_separator.size()) / 8;
  std::uint64_t cost = 0;
  if (__builtin_mul_overflow(v.weight(), per_item, &cost)) cost = UINT64_MAX;
  if (!rt.charge_bytes(cost)) return Value::Undefined{};
  auto text = to_json(v, format);
  if (!text) return rt.fail("an undefined value or object cannot be written as JSON");
  return Value(*std::move(text));
}

Value word_count(Runtime& rt, const Value& v, const CallArgs& /*args*/) {
  std::size_t words = 0;
  bool in_word = false;
  const std::string text = text_of(rt, v);
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint c = decode_utf8(text, i);
    const bool word = !is_python_space(c.value) && !(c.value < 0x80 && std::ispunct(static_cast<int>(c.value)) != 0 && c.value != '_');
    words += word && !in_word ? 1 : 0;
    in_word = word;
    i += c.size;
  }
  return Value(words);
}

Value format_filter(Runtime& rt, const Value& v, const CallArgs& args) {
  return percent_format(rt, text_of(rt, v), args.positional);
}

Value center(Runtime& rt, const Value& v, const CallArgs& args) {
  CallArgs width;
  width.positional.emplace_back(integer_arg(rt, args.get(0, "width"), 80));
  return call_method(rt, Value(text_of(rt, v)), "center", width);
}

// The first `count` characters.
std::string_view head_of(std::string_view text, std::int64_t count) {
  std::size_t at = 0;
  for (; count > 0 && at < text.size(); --count) at += decode_utf8(text, at).size;
  return text.substr(0, at);
}

Value truncate(Runtime& rt, const Value& v, const CallArgs& args) {
  const std::int64_t length = integer_arg(rt, args.get(0, "length"), 255);
  const Value* kill_words = args.get(1, "killwords");
  const std::string end = string_arg(rt, args.get(2, "end"), "...");
  const std::int64_t leeway = integer_arg(rt, args.get(3, "leeway"), 5);
  if (!v.is(Kind::string)) return rt.fail("truncate needs a string, not " + std::string(type_name(v)));
  const std::string text = text_of(rt, v);
  if (!rt.ok()) return Value::Undefined{};
  const auto end_length = static_cast<std::int64_t>(count_code_points(end));
  if (length < end_length || leeway < 0) return rt.fail("truncate: the length must hold the end and leeway be 0 or more");
  if (static_cast<std::int64_t>(count_code_points(text)) - leeway <= length) return Value(text);
  std::string_view kept = head_of(text, length - end_length);
  const bool whole_words = kill_words == nullptr || !kill_words->truthy();
  if (whole_words) kept = kept.substr(0, kept.rfind(' '));  // all of it if there is no space
  return Value(std::string(kept) + end);
}

constexpr std::array kFilters{
    FilterEntry{"upper", change_text<upper>},
    FilterEntry{"lower", change_text<lower>},
    FilterEntry{"capitalize", change_text<capitalize>},
    FilterEntry{"truncate", truncate},
    FilterEntry{"title", change_text<title_words>},
    FilterEntry{"escape", change_text<escape_html>},
    FilterEntry{"e", change_text<escape_html>},
    FilterEntry{"urlencode", change_text<encode_url>},
    FilterEntry{"string", identity},
    FilterEntry{"safe", identity},
    FilterEntry{"trim", trim},
    FilterEntry{"replace", replace},
    FilterEntry{"default", fallback},
    FilterEntry{"d", fallback},
    FilterEntry{"abs", absolute},
    FilterEntry{"int", to_integer},
    FilterEntry{"float", to_number},
    FilterEntry{"round", round_number},
    FilterEntry{"indent", indent},
    FilterEntry{"tojson", tojson},
    FilterEntry{"wordcount", word_count},
    FilterEntry{"format", format_filter},
    FilterEntry{"center", center},
};

}  // namespace

std::span<const FilterEntry> value_filters() { return kFilters; }

Value percent_format(Runtime& rt, const std::string& format, const std::vector<Value>& values) {
  std::string out;
  std::size_t used = 0;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out += format[i];
      continue;
    }
    if (++i == format.size()) return rt.fail("incomplete format");
    if (format[i] == '%') {
      out += '%';
      continue;
    }
    if (used == values.size()) return rt.fail("not enough arguments for the format string");
    const Value& value = values[used++];
    if (!rt.charge_bytes(value.weight())) return Value::Undefined{};
    if (format[i] == 's') {
      out += to_str(value);
    } else if (format[i] == 'r') {
      out += to_repr(value);
    } else if (format[i] == 'd' && value.is_numeric()) {
      out += to_str(value.is(Kind::number) ? Value(static_cast<std::int64_t>(value.number())) : binary(rt, "+", value, Value(0)));
    } else {
      return rt.fail("unsupported format character " + quoted(std::string_view(format).substr(i, 1)));
    }
  }
  if (used < values.size()) return rt.fail("not all arguments converted");
  return Value(std::move(out));
}

Value apply_filter(Runtime& rt, std::string_view name, const Value& input, const CallArgs& args) {
  for (const auto table : {value_filters(), sequence_filters()}) {
    const auto it = std::ranges::find(table, name, &FilterEntry::name);
    if (it != table.end()) return it->filter(rt, input, args);
  }
  return rt.fail("no filter named " + quoted(name));
}

}  // namespace baton::text
