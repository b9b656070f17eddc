// 16 × 16 transposition of 32-bit elements in registers. Included only by files compiled for AVX-512.
#pragma once

#include <immintrin.h>

namespace baton::kernels {
namespace {

/// rows[i] lane j becomes rows[j] lane i.
inline void transpose_16x16(__m512i (&rows)[16]) {
  __m512i a[16];
  for (int i = 0; i < 16; i += 2) {
    a[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    a[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    rows[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
    rows[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
    rows[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
    rows[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
  }
  // rows[4 b + c] now holds column 4 q + c of rows 4 b .. 4 b + 3 in its 128-bit quarter q
  for (int c = 0; c < 4; ++c) {
    a[c] = _mm512_shuffle_i32x4(rows[c], rows[4 + c], 0x88);
    a[4 + c] = _mm512_shuffle_i32x4(rows[8 + c], rows[12 + c], 0x88);
    a[8 + c] = _mm512_shuffle_i32x4(rows[c], rows[4 + c], 0xDD);
    a[12 + c] = _mm512_shuffle_i32x4(rows[8 + c], rows[12 + c], 0xDD);
  }
  for (int c = 0; c < 4; ++c) {
    rows[c] = _mm512_shuffle_i32x4(a[c], a[4 + c], 0x88);
    rows[8 + c] = _mm512_shuffle_i32x4(a[c], a[4 + c], 0xDD);
    rows[4 + c] = _mm512_shuffle_i32x4(a[8 + c], a[12 + c], 0x88);
    rows[12 + c] = _mm512_shuffle_i32x4(a[8 + c], a[12 + c], 0xDD);
  }
}

}  // namespace
}  // namespace baton::kernels
