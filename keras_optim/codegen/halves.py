"""Half precision in C: arrays of 16-bit integers, numbers of it computed as `float`.

Only integers and `float` occur, so that every compiler can use vectors, and CUDA has the same text.
"""

import torch

DTYPES = {torch.bfloat16: "bfloat16", torch.float16: "float16"}
"""The half dtypes, and the endings of the functions for them."""
RANDOM = {f"to_{name}": dtype for dtype, name in DTYPES.items()}
"""Operations of `torch.ops.keras_optim` that round at random: their names there, and the dtypes of
their results. The arguments are numbers, the step, the number of the array, and two keys."""
MOVES = ("where", "isnan", "neg")
"""Operations that need no rounding, so that half precision may be among their operands."""

FUNCTIONS = """
{qualifiers} uint32_t bits_of(float x) {{
  union {{ float x; uint32_t bits; }} both;
  both.x = x;
  return both.bits;
}}
{qualifiers} float float_of(uint32_t bits) {{
  union {{ float x; uint32_t bits; }} both;
  both.bits = bits;
  return both.x;
}}
{qualifiers} float from_bfloat16(uint16_t half) {{ return float_of((uint32_t)half << 16); }}
{qualifiers} uint16_t to_bfloat16(float x) {{
  const uint32_t bits = bits_of(x), even = bits >> 16 & 1;
  return x == x ? (bits + 0x7fff + even) >> 16 : 0x7fc0;
}}
{qualifiers} float from_float16(uint16_t half) {{
  const uint32_t size = (uint32_t)(half & 0x7fff) << 13;
  const float small = float_of(size) * 0x1p112f;
  const uint32_t bits = size >= 0x0f800000 ? size | 0x7f800000 : bits_of(small);
  return float_of(bits | (uint32_t)(half & 0x8000) << 16);
}}
{qualifiers} uint16_t to_float16(float x) {{
  const uint32_t bits = bits_of(x), exponent = bits & 0x7f800000, least = 113u << 23;
  /* This power of two ends 13 bits before the exponent, where the sum is rounded. */
  const float power = float_of((exponent > least ? exponent : least) + (13u << 23));
  const uint32_t sum = bits_of(fabsf(x) + power) - bits_of(power);
  const uint32_t half = sum + (exponent > least ? (exponent - least) >> 13 : 0);
  const uint32_t size = fabsf(x) < 65520.0f ? half : x == x ? 0x7c00 : 0x7e00;
  return size | bits >> 16 & 0x8000;
}}
{qualifiers} uint32_t mixed(uint32_t h, uint32_t key) {{
  h = (h ^ h >> 16) * 0x7feb352du;
  h = ((h ^ h >> 15) + key) * 0x846ca68bu;
  return h ^ h >> 16;
}}
{qualifiers} uint32_t random_bits(
    uint32_t t, uint32_t number, uint32_t a, uint32_t b, uint32_t place) {{
  const uint32_t first = mixed(mixed(t + a, 0) ^ number * 0x9e3779b9u, 0);
  return mixed(place * 0x9e3779b9u + first, mixed(first ^ b, 0));
}}
{qualifiers} float random_bfloat16(float x, uint32_t random) {{
  const float found = float_of((bits_of(x) + (random >> 16)) & 0xffff0000);
  return fabsf(x) <= 0x1.fep127f ? found : from_bfloat16(to_bfloat16(x));
}}
{qualifiers} float random_float16(float x, uint32_t random) {{
  const uint32_t bits = bits_of(x), exponent = bits & 0x7f800000, least = 113u << 23;
  const float unit = float_of((exponent > least ? exponent : least) - (10u << 23));
  const float multiple = fabsf(x) / unit, low = floorf(multiple);
  const float up = (int32_t)(random >> 8) * 0x1p-24f < multiple - low ? 1.0f : 0.0f;
  const float found = float_of(bits_of((low + up) * unit) | (bits & 0x80000000));
  return fabsf(x) <= 65504.0f ? found : from_float16(to_float16(x));
}}
"""
"""Conversions, of `to_...` to nearest even, and rounding at random: see `keras_optim.rounding`."""

BLOCKS = """
#ifdef __F16C__
#include <immintrin.h>
#endif
static inline void load_float16(float *to, const uint16_t *from, int64_t n) {
  int64_t j = 0;
#ifdef __F16C__
  for (; j + 8 <= n; j += 8)
    _mm256_storeu_ps(to + j, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(from + j))));
#endif
  for (; j < n; j++) to[j] = from_float16(from[j]);
}
static inline void store_float16(uint16_t *to, const float *from, int64_t n) {
  int64_t j = 0;
#ifdef __F16C__
  for (; j + 8 <= n; j += 8)
    _mm_storeu_si128(
        (__m128i *)(to + j),
        _mm256_cvtps_ph(_mm256_loadu_ps(from + j), _MM_FROUND_TO_NEAREST_INT));
#endif
  for (; j < n; j++) to[j] = to_float16(from[j]);
}
"""
"""Conversions of many numbers: compilers know no vectors of the instructions for float16."""
