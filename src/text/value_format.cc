#include "text/value_format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>

#include "text/unicode.h"
#include "text/utf8.h"

namespace baton::text {
namespace {

// Python's repr of a float: the shortest digits, scientific from 1e16 and below 1e-4.
std::string format_double(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x < 0 ? "-inf" : "inf";
  std::array<char, 64> buffer{};
  const double magnitude = std::fabs(x);
  const bool scientific = x != 0 && (magnitude < 1e-4 || magnitude >= 1e16);
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), x,
                                 scientific ? std::chars_format::scientific : std::chars_format::fixed);
  std::string text(buffer.data(), end.ptr);
  if (!scientific && text.find('.') == text.npos) text += ".0";
  return text;
}

void append_hex(std::string& out, char32_t c, int digits) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out += kHex[(c >> shift) & 15];
}

void append_repr_char(std::string& out, char32_t c, char quote) {
  switch (c) {
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    case '\\': out += "\\\\"; return;
    default: break;
  }
  if (c == static_cast<char32_t>(quote)) {
    out += '\\';
    out += quote;
  } else if (is_printable(c)) {
    append_utf8(out, c);
  } else if (c < 0x100) {
    out += "\\x";
    append_hex(out, c, 2);
  } else {
    out += c < 0x10000 ? "\\u" : "\\U";
    append_hex(out, c, c < 0x10000 ? 4 : 8);
  }
}

std::string repr_of_string(std::string_view text) {
  const bool has_single = text.find('\'') != text.npos;
  const char quote = has_single && text.find('"') == text.npos ? '"' : '\'';
  std::string out(1, quote);
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint c = decode_utf8(text, i);
    append_repr_char(out, c.value, quote);
    i += c.size;
  }
  out += quote;
  return out;
}

std::string repr_of_array(const Value& value) {
  std::string out = value.is_tuple() ? "(" : "[";
  for (const Value& item : value.items()) {
    if (out.size() > 1) out += ", ";
    out += to_repr(item);
  }
  if (value.is_tuple() && value.items().size() == 1) out += ',';
  out += value.is_tuple() ? ")" : "]";
  return out;
}

std::string repr_of_map(const Value& value) {
  std::string out = "{";
  for (const auto& [key, member] : value.members()) {
    if (out.size() > 1) out += ", ";
    out += repr_of_string(key) + ": " + to_repr(member);
  }
  return out + "}";
}

void append_escaped(std::string& out, char32_t c, bool ensure_ascii) {
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    default: break;
  }
  if (c >= 0x20 && (c < 0x7F || !ensure_ascii)) {
    append_utf8(out, c);
    return;
  }
  if (c >= 0x10000) {
    out += "\\u";
    append_hex(out, 0xD800 + ((c - 0x10000) >> 10), 4);
    c = 0xDC00 + ((c - 0x10000) & 0x3FF);
  }
  out += "\\u";
  append_hex(out, c, 4);
}

class JsonWriter {
 public:
  explicit JsonWriter(const JsonFormat& format) : format_(format) {}

  bool write(const Value& value) {
    switch (value.kind()) {
      case Value::Kind::undefined:
      case Value::Kind::handle: return false;
      case Value::Kind::null: out_ += "null"; return true;
      case Value::Kind::boolean: out_ += value.boolean() ? "true" : "false"; return true;
      case Value::Kind::integer: out_ += std::to_string(value.integer()); return true;
      case Value::Kind::number: write_number(value.number()); return true;
      case Value::Kind::string: write_string(value.string()); return true;
      case Value::Kind::array:
        return write_list('[', ']', value.items(), [&](const Value& item) { return write(item); });
      case Value::Kind::map: return write_map(value);
    }
    return false;
  }

  std::string take() { return std::move(out_); }

 private:
  void write_number(double x) {
    if (std::isnan(x)) {
      out_ += "NaN";
    } else if (std::isinf(x)) {
      out_ += x < 0 ? "-Infinity" : "Infinity";
    } else {
      out_ += format_double(x);
    }
  }

  void write_string(std::string_view text) {
    out_ += '"';
    for (std::size_t i = 0; i < text.size();) {
      const CodePoint c = decode_utf8(text, i);
      append_escaped(out_, c.value, format_.ensure_ascii);
      i += c.size;
    }
    out_ += '"';
  }

  bool write_map(const Value& value) {
    std::vector<const Value::Member*> members;
    for (const Value::Member& member : value.members()) members.push_back(&member);
    if (format_.sort_keys) std::ranges::sort(members, {}, [](const auto* m) -> const std::string& { return m->first; });
    return write_list('{', '}', members, [&](const Value::Member* member) {
      write_string(member->first);
      out_ += format_.key_separator;
      return write(member->second);
    });
  }

  template <class Items, class WriteItem>
  bool write_list(char open, char close, const Items& items, const WriteItem& write_item) {
    out_ += open;
    ++level_;
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_ += format_.item_separator;
      first = false;
      new_line();
      if (!write_item(item)) return false;
    }
    --level_;
    if (!first) new_line();
    out_ += close;
    return true;
  }

  void new_line() {
    if (!format_.pretty) return;
    out_ += '\n';
    for (int i = 0; i < level_; ++i) out_ += format_.indent;
  }

  const JsonFormat& format_;
  std::string out_;
  int level_ = 0;
};

}  // namespace

std::string to_str(const Value& value) {
  if (value.is(Value::Kind::string)) return value.string();
  if (value.is_undefined()) return {};
  return to_repr(value);
}

std::string to_repr(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::undefined: return "Undefined";
    case Value::Kind::null: return "None";
    case Value::Kind::boolean: return value.boolean() ? "True" : "False";
    case Value::Kind::integer: return std::to_string(value.integer());
    case Value::Kind::number: return format_double(value.number());
    case Value::Kind::string: return repr_of_string(value.string());
    case Value::Kind::array: return repr_of_array(value);
    case Value::Kind::map: return repr_of_map(value);
    case Value::Kind::handle: return "<template object>";
  }
  return {};
}

std::optional<std::string> to_json(const Value& value, const JsonFormat& format) {
  JsonWriter writer(format);
  if (!writer.write(value)) return std::nullopt;
  return writer.take();
}

}  // namespace baton::text
