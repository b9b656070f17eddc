#include "config/suggest.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace baton::config {
namespace {

constexpr std::size_t kMaxWord = 64;

std::string normalized(std::string_view word) {
  std::string out;
  for (const char c : word) {
    if (c == '-' || c == '_' || c == ' ') continue;
    out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

/// Edit distance where swapping two neighbours counts once (optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, substituted});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> candidates) {
  constexpr std::size_t kMinBeginning = 3;
  const std::string wanted = normalized(word);
  if (wanted.empty() || wanted.size() > kMaxWord) return std::nullopt;
  std::optional<std::string_view> best;
  std::size_t best_cost = 0;
  for (const std::string_view candidate : candidates) {
    const std::string known = normalized(candidate);
    const std::size_t distance = edit_distance(wanted, known);
    const std::size_t allowed = std::max<std::size_t>(1, std::min(wanted.size(), known.size()) / 3);
    const bool is_beginning = wanted.size() >= kMinBeginning && known.starts_with(wanted);
    if (distance > allowed && !is_beginning) continue;
    const std::size_t cost = distance > 0 && is_beginning ? 1 : 2 * distance;  // a beginning beats one edit
    if (best && cost >= best_cost) continue;
    best = candidate;
    best_cost = cost;
  }
  return best;
}

}  // namespace baton::config
