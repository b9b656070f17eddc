#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace baton::transfer {

/// `text("layer ", 3, " is missing")`: parts joined, numbers in decimal.
template <class... Parts>
std::string text(const Parts&... parts) {
  std::string out;
  const auto append = [&out](const auto& part) {
    if constexpr (std::integral<std::remove_cvref_t<decltype(part)>>) {
      out += std::to_string(part);
    } else {
      out += std::string_view(part);
    }
  };
  (append(parts), ...);
  return out;
}

}  // namespace baton::transfer
