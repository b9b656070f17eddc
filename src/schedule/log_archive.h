#pragma once

#include <bit>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/clock.h"

namespace baton::schedule {

// The bytes of an event log (event_log.h). Structs are taken apart by fields_of() in log_fields.h, in one place for
// writing and reading.

template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_duration = false;
template <class R, class P>
inline constexpr bool is_duration<std::chrono::duration<R, P>> = true;

constexpr std::uint64_t zigzag(std::int64_t v) { return static_cast<std::uint64_t>(v) << 1 ^ static_cast<std::uint64_t>(v >> 63); }
constexpr std::int64_t unzigzag(std::uint64_t v) { return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1); }

class LogOutput {
 public:
  explicit LogOutput(std::string& to) : to_(to) {}

  template <class... T>
  void operator()(const T&... values) { (put(values), ...); }
  void varint(std::uint64_t v) {
    for (; v >= 0x80; v >>= 7) to_.push_back(static_cast<char>(v | 0x80));
    to_.push_back(static_cast<char>(v));
  }

 private:
  template <class T>
  void put(const T& v) {
    if constexpr (std::is_enum_v<T>) {
      varint(static_cast<std::uint64_t>(v));
    } else if constexpr (std::is_floating_point_v<T>) {
      const auto bits = std::bit_cast<std::uint64_t>(static_cast<double>(v));
      for (int i = 0; i < 64; i += 8) to_.push_back(static_cast<char>(bits >> i));
    } else if constexpr (std::unsigned_integral<T>) {
      varint(v);
    } else if constexpr (std::integral<T>) {
      varint(zigzag(v));
    } else if constexpr (std::same_as<T, std::string>) {
      varint(v.size());
      to_ += v;
    } else if constexpr (std::same_as<T, TimePoint>) {
      varint(zigzag(v.time_since_epoch().count()));
    } else if constexpr (is_duration<T>) {
      varint(zigzag(v.count()));
    } else if constexpr (is_vector<T>) {
      varint(v.size());
      for (const auto& item : v) put(item);
    } else if constexpr (is_optional<T>) {
      put(v.has_value());
      if (v) put(*v);
    } else {
      fields_of(v, *this);
    }
  }
  std::string& to_;
};

/// Reads what LogOutput wrote. After anything that does not fit ok() is false and all further values are zero.
class LogInput {
 public:
  explicit LogInput(std::string_view from) : left_(from) {}

  template <class... T>
  void operator()(T&... values) { (get(values), ...); }
  bool ok() const { return ok_; }
  bool done() const { return ok_ && left_.empty(); }
  void fail() { ok_ = false; }
  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (left_.empty()) break;
      const auto byte = static_cast<std::uint8_t>(left_.front());
      left_.remove_prefix(1);
      v |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return v;
    }
    fail();
    return 0;
  }

 private:
  template <class T>
  void get(T& v) {
    if constexpr (std::same_as<T, bool>) {
      v = bounded(1) != 0;
    } else if constexpr (std::is_enum_v<T>) {
      v = static_cast<T>(bounded(largest_of(T{}, *this)));
    } else if constexpr (std::is_floating_point_v<T>) {
      std::uint64_t bits = 0;
      if (left_.size() < 8) return fail();
      for (int i = 0; i < 8; ++i) bits |= std::uint64_t{static_cast<std::uint8_t>(left_[static_cast<std::size_t>(i)])} << 8 * i;
      left_.remove_prefix(8);
      v = static_cast<T>(std::bit_cast<double>(bits));
    } else if constexpr (std::unsigned_integral<T>) {
      v = static_cast<T>(bounded(std::numeric_limits<T>::max()));
    } else if constexpr (std::integral<T>) {
      const std::int64_t wide = unzigzag(varint());
      if (!std::in_range<T>(wide)) return fail();
      v = static_cast<T>(wide);
    } else if constexpr (std::same_as<T, std::string>) {
      v = text();
    } else if constexpr (std::same_as<T, TimePoint>) {
      v = TimePoint(Duration(unzigzag(varint())));
    } else if constexpr (is_duration<T>) {
      v = T(unzigzag(varint()));
    } else if constexpr (is_vector<T>) {
      const std::uint64_t count = bounded(left_.size());  // every item takes a byte at least
      v.clear();
      for (std::uint64_t i = 0; i < count && ok_; ++i) get(v.emplace_back());
    } else if constexpr (is_optional<T>) {
      bool there = false;
      get(there);
      if (there) get(v.emplace());
    } else {
      fields_of(v, *this);
    }
  }
  std::uint64_t bounded(std::uint64_t most) {
    const std::uint64_t v = varint();
    if (v <= most) return v;
    fail();
    return 0;
  }
  std::string text() {
    const std::uint64_t size = bounded(left_.size());
    std::string out(left_.substr(0, size));
    left_.remove_prefix(size);
    return out;
  }

  std::string_view left_;
  bool ok_ = true;
};

}  // namespace baton::schedule
