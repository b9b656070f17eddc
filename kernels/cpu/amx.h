// AMX tile state. Included only by the *_amx.cc files.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace baton::kernels {
namespace {

/// Palette 1, all eight tiles 16 rows × 64 bytes. Static and const: g++ 12 tells the optimiser that
/// _tile_loadconfig reads 8 bytes only, so a local object would lose the rest.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);
constexpr TileConfig kFullTiles{};

/// Tiles are configured while this lives; the thread's tile state is clean again afterwards.
class TileScope {
 public:
  TileScope() { _tile_loadconfig(&kFullTiles); }
  ~TileScope() { _tile_release(); }
  TileScope(const TileScope&) = delete;
  TileScope& operator=(const TileScope&) = delete;
};

constexpr std::int64_t kTileBytes = 1024;
constexpr int kTileStride = 64;

}  // namespace
}  // namespace baton::kernels
