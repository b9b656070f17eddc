#include "text/unicode_additions.h"

namespace baton::text {
namespace {

constexpr CategoryRange kAdditions[] = {
#include "text/unicode_additions.inc"
};

}  // namespace

std::span<const CategoryRange> unicode_additions() { return kAdditions; }

}  // namespace baton::text
