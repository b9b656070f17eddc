#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace baton::transfer {

static_assert(std::endian::native == std::endian::little, "wire integers are written as they lie in memory");

/// Appends little-endian fields to a byte string.
class ByteWriter {
 public:
  template <class T>
    requires std::integral<T> || std::floating_point<T>
  ByteWriter& put(T value) {
    x_bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  /// A string after its length in 16 bits; longer ones are cut.
  ByteWriter& put_string(std::string_view value) {
    value = value.substr(0, 0xffff);
    put(static_cast<std::uint16_t>(value.size()));
    x_bytes.append(value);
    return *this;
  }
  std::string take() { return std::move(x_bytes); }
  const std::string& bytes() const { return x_bytes; }

 private:
  std::string x_bytes;
};

/// Reads what ByteWriter wrote. Past the end every field reads as zero and ok() turns false for good.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : x_rest(bytes) {}

  template <class T>
    requires std::integral<T> || std::floating_point<T>
  T get() {
    T value{};
    const auto field = take(sizeof value);
    if (!field.empty()) std::memcpy(&value, field.data(), sizeof value);
    return value;
  }
  std::string get_string() { return std::string(take(get<std::uint16_t>())); }

  bool ok() const { return x_ok; }
  /// Everything was read and nothing was missing.
  bool complete() const { return x_ok && x_rest.empty(); }
  std::size_t rest() const { return x_rest.size(); }

 private:
  std::string_view take(std::size_t size) {
    if (!x_ok || x_rest.size() < size) {
      x_ok = false;
      return {};
    }
    const auto field = x_rest.substr(0, size);
    x_rest.remove_prefix(size);
    return field;
  }

  std::string_view x_rest;
  bool x_ok = true;
};

}  // namespace baton::transfer
