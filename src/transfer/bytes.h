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
  requires std::integral<T> || std::floating_point<T> ByteWriter& put(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  /// A string after its length in 16 bits; longer ones are cut.
  ByteWriter& put_string(std::string_view value) {
    value = value.substr(0, 0xffff);
    put(static_cast<std::uint16_t>(value.size()));
    bytes_.append(value);
    return *this;
  }
  std::string take() { return std::move(bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// Reads what ByteWriter wrote. Past the end every field reads as zero and ok() turns false for good.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  template <class T>
  requires std::integral<T> || std::floating_point<T> T get() {
    T value{};
    const auto field = take(sizeof value);
    if (!field.empty()) std::memcpy(&value, field.data(), sizeof value);
    return value;
  }
  std::string get_string() { return std::string(take(get<std::uint16_t>())); }

  bool ok() const { return ok_; }
  /// Everything was read and nothing was missing.
  bool complete() const { return ok_ && rest_.empty(); }
  std::size_t rest() const { return rest_.size(); }

 private:
  std::string_view take(std::size_t size) {
    if (!ok_ || rest_.size() < size) {
      ok_ = false;
      return {};
    }
    const auto field = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return field;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace baton::transfer
