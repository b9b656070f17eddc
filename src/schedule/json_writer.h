#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

namespace baton::schedule {

/// Writes one line of compact JSON into a string. Members and elements come in the order of the calls; the caller
/// balances open and close. Numbers that JSON lacks (infinity, NaN) become null.
class JsonWriter {
 public:
  JsonWriter& open(char bracket) {
    separate();
    text_ += bracket;
    fresh_ = true;
    return *this;
  }
  JsonWriter& close(char bracket) {
    text_ += bracket;
    fresh_ = false;
    return *this;
  }
  JsonWriter& key(std::string_view name) {
    value(name);
    text_ += ':';
    fresh_ = true;
    return *this;
  }
  JsonWriter& value(std::string_view text) {
    separate();
    text_ += '"';
    for (const char c : text) put(c);
    text_ += '"';
    return *this;
  }
  JsonWriter& value(std::same_as<bool> auto flag) {
    separate();
    text_ += flag ? "true" : "false";
    return *this;
  }
  JsonWriter& value(std::integral auto number)
    requires(!std::same_as<decltype(number), bool>)
  {
    separate();
    text_ += std::to_string(number);
    return *this;
  }
  JsonWriter& value(double number) {
    separate();
    if (!std::isfinite(number)) {
      text_ += "null";
      return *this;
    }
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.6g", number);
    text_ += digits;
    return *this;
  }
  JsonWriter& member(std::string_view name, const auto& what) { return key(name).value(what); }

  std::string take() { return std::move(text_); }

 private:
  void separate() {
    if (!fresh_) text_ += ',';
    fresh_ = false;
  }
  void put(char c) {
    if (c == '"' || c == '\\') {
      text_ += '\\';
      text_ += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      text_ += escape;
    } else {
      text_ += c;
    }
  }

  std::string text_;
  bool fresh_ = true;
};

}  // namespace baton::schedule
