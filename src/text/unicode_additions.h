#pragma once

#include <cstdint>
#include <span>

namespace baton::text {

/// General categories, as coarse as tokenizer patterns need them.
enum class Category : std::uint8_t { lu, ll, lm, lo, m, nd, nl, no, p, s };

/// Characters `first` to `last`, all of one category.
struct CategoryRange {
  char32_t first = 0;
  char32_t last = 0;
  Category category = Category::lo;
};

/// Characters assigned after Unicode 14, as of Unicode 16: what the libraries' tables may not know yet. Hugging Face
/// tokenizers knows them, and a letter is split differently from an unassigned character.
std::span<const CategoryRange> unicode_additions();

}  // namespace baton::text
