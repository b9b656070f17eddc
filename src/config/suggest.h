#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace baton::config {

/// The candidate a typing error most likely meant: case, '-', '_' and ' ' do not count; it begins with the word, or at
/// most a third of the letters differ. None for anything further off, or longer than any key.
std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace baton::config
