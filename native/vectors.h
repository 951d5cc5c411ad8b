/*
 * Vectors of floats, and how numbers are stored in memory, for the way to multiply that this is compiled for:
 * AVX2, AVX-512 or NEON on float32 numbers, AMX on bfloat16 numbers (WAY_AVX2, WAY_AVX512, WAY_NEON or WAY_AMX is 1).
 */
#ifndef LIVEBRUSH_VECTORS_H
#define LIVEBRUSH_VECTORS_H

#if WAY_NEON
#include <arm_neon.h>
#else
#include <immintrin.h>
#endif
#include <stdint.h>
#include <string.h>

#if WAY_NEON
/* Two registers: as many numbers as AVX2 has, of which the 32 registers hold as many sums. */
enum { LANES = 8 };
typedef struct {
  float32x4_t low, high;
} vec;
static inline vec v_of(float32x4_t low, float32x4_t high) { return (vec){low, high}; }
static inline vec v_all(float x) { return v_of(vdupq_n_f32(x), vdupq_n_f32(x)); }
static inline vec v_zero(void) { return v_all(0); }
static inline vec v_load(const float *from) { return v_of(vld1q_f32(from), vld1q_f32(from + 4)); }
static inline void v_store(float *to, vec x) {
  vst1q_f32(to, x.low);
  vst1q_f32(to + 4, x.high);
}
static inline vec v_add(vec a, vec b) { return v_of(vaddq_f32(a.low, b.low), vaddq_f32(a.high, b.high)); }
static inline vec v_sub(vec a, vec b) { return v_of(vsubq_f32(a.low, b.low), vsubq_f32(a.high, b.high)); }
static inline vec v_mul(vec a, vec b) { return v_of(vmulq_f32(a.low, b.low), vmulq_f32(a.high, b.high)); }
static inline vec v_div(vec a, vec b) { return v_of(vdivq_f32(a.low, b.low), vdivq_f32(a.high, b.high)); }
static inline vec v_fma(vec a, vec b, vec c) {
  return v_of(vfmaq_f32(c.low, a.low, b.low), vfmaq_f32(c.high, a.high, b.high));
}
static inline float32x4_t q_max(float32x4_t a, float32x4_t b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
static inline float32x4_t q_min(float32x4_t a, float32x4_t b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
static inline vec v_max(vec a, vec b) { return v_of(q_max(a.low, b.low), q_max(a.high, b.high)); }
static inline vec v_min(vec a, vec b) { return v_of(q_min(a.low, b.low), q_min(a.high, b.high)); }
static inline vec v_round(vec a) { return v_of(vrndnq_f32(a.low), vrndnq_f32(a.high)); }
static inline float32x4_t q_two_to(float32x4_t whole) {
  return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(whole), vdupq_n_s32(127)), 23));
}
static inline vec v_two_to(vec whole) { return v_of(q_two_to(whole.low), q_two_to(whole.high)); }
static inline vec v_bytes(const uint8_t *from) {
  const uint16x8_t words = vmovl_u8(vld1_u8(from));
  return v_of(vcvtq_f32_u32(vmovl_u16(vget_low_u16(words))), vcvtq_f32_u32(vmovl_u16(vget_high_u16(words))));
}
static inline void v_to_bytes(uint8_t *to, vec x) {
  const uint16x4_t low = vmovn_u32(vcvtnq_u32_f32(x.low)), high = vmovn_u32(vcvtnq_u32_f32(x.high));
  vst1_u8(to, vmovn_u16(vcombine_u16(low, high)));
}
#elif WAY_AVX2
enum { LANES = 8 };
typedef __m256 vec;
static inline vec v_zero(void) { return _mm256_setzero_ps(); }
static inline vec v_all(float x) { return _mm256_set1_ps(x); }
static inline vec v_load(const float *from) { return _mm256_loadu_ps(from); }
static inline void v_store(float *to, vec x) { _mm256_storeu_ps(to, x); }
static inline vec v_add(vec a, vec b) { return _mm256_add_ps(a, b); }
static inline vec v_sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
static inline vec v_mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
static inline vec v_div(vec a, vec b) { return _mm256_div_ps(a, b); }
/* a times b plus c. */
static inline vec v_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
/* The larger or smaller; the second where the first is not a number. */
static inline vec v_max(vec a, vec b) { return _mm256_max_ps(a, b); }
static inline vec v_min(vec a, vec b) { return _mm256_min_ps(a, b); }
static inline vec v_round(vec a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
/* 2 to the power of whole numbers that floats can hold. */
static inline vec v_two_to(vec whole) {
  const __m256i power = _mm256_add_epi32(_mm256_cvtps_epi32(whole), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(power, 23));
}
/* Bytes as floats, and floats between 0 and 255 as the nearest bytes. */
static inline vec v_bytes(const uint8_t *from) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)from)));
}
static inline void v_to_bytes(uint8_t *to, vec x) {
  const __m256i whole = _mm256_cvtps_epi32(x);
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
  _mm_storel_epi64((__m128i *)to, _mm_packus_epi16(words, words));
}
#else
enum { LANES = 16 };
typedef __m512 vec;
static inline vec v_zero(void) { return _mm512_setzero_ps(); }
static inline vec v_all(float x) { return _mm512_set1_ps(x); }
static inline vec v_load(const float *from) { return _mm512_loadu_ps(from); }
static inline void v_store(float *to, vec x) { _mm512_storeu_ps(to, x); }
static inline vec v_add(vec a, vec b) { return _mm512_add_ps(a, b); }
static inline vec v_sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
static inline vec v_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
static inline vec v_div(vec a, vec b) { return _mm512_div_ps(a, b); }
static inline vec v_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
static inline vec v_max(vec a, vec b) { return _mm512_max_ps(a, b); }
static inline vec v_min(vec a, vec b) { return _mm512_min_ps(a, b); }
static inline vec v_round(vec a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vec v_two_to(vec whole) { return _mm512_scalef_ps(_mm512_set1_ps(1), whole); }
static inline vec v_bytes(const uint8_t *from) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)from)));
}
static inline void v_to_bytes(uint8_t *to, vec x) {
  _mm_storeu_si128((__m128i *)to, _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(x)));
}
#endif

#if WAY_AMX
typedef uint16_t num;
static inline num n_from(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fc0;
  return (num)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
static inline float n_to(num value) {
  const uint32_t bits = (uint32_t)value << 16;
  float number;
  memcpy(&number, &bits, sizeof number);
  return number;
}
static inline vec v_numbers(const num *from) {
  const __m256i both = _mm256_loadu_si256((const __m256i *)from);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(both), 16));
}
static inline void v_to_numbers(num *to, vec x) { _mm256_storeu_si256((__m256i *)to, (__m256i)_mm512_cvtneps_pbh(x)); }
#else
typedef float num;
static inline num n_from(float value) { return value; }
static inline float n_to(num value) { return value; }
static inline vec v_numbers(const num *from) { return v_load(from); }
static inline void v_to_numbers(num *to, vec x) { v_store(to, x); }
#endif

/* The first `count` numbers, if that is less than a vector. */
static inline vec v_some_numbers(const num *from, int count) {
  if (count >= LANES) return v_numbers(from);
  num some[LANES] = {0};
  for (int i = 0; i < count; i++) some[i] = from[i];
  return v_numbers(some);
}
static inline void v_to_some_numbers(num *to, vec x, int count) {
  if (count >= LANES) {
    v_to_numbers(to, x);
    return;
  }
  num some[LANES];
  v_to_numbers(some, x);
  for (int i = 0; i < count; i++) to[i] = some[i];
}

/* Three vectors number by number: the first of each, then the second of each, and so on. */
static inline void v_to_triples(num *to, vec a, vec b, vec c) {
#if WAY_NEON
  vst3q_f32(to, ((float32x4x3_t){{a.low, b.low, c.low}}));
  vst3q_f32(to + 12, ((float32x4x3_t){{a.high, b.high, c.high}}));
#elif WAY_AVX2
  float all[3][LANES];
  v_store(all[0], a);
  v_store(all[1], b);
  v_store(all[2], c);
  for (int i = 0; i < LANES; i++)
    for (int k = 0; k < 3; k++) to[3 * i + k] = all[k][i];
#else
  static const int32_t from_ab[3][LANES] = {{0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5},
                                            {21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26},
                                            {0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0}};
  static const int32_t from_c[3][LANES] = {{0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 0},
                                           {0, 5, 0, 0, 6, 0, 0, 7, 0, 0, 8, 0, 0, 9, 0, 0},
                                           {10, 0, 0, 11, 0, 0, 12, 0, 0, 13, 0, 0, 14, 0, 0, 15}};
  static const __mmask16 is_c[3] = {0x4924, 0x2492, 0x9249};
  for (int k = 0; k < 3; k++) {
    const vec ab = _mm512_permutex2var_ps(a, _mm512_loadu_si512(from_ab[k]), b);
    v_to_numbers(to + k * LANES, _mm512_mask_permutexvar_ps(ab, is_c[k], _mm512_loadu_si512(from_c[k]), c));
  }
#endif
}

/* e to the x: 2 to the whole part of x log2 e, times a polynomial of the rest (relative error 2e-7). */
static inline vec v_exp(vec x) {
  const vec within = v_min(v_max(x, v_all(-87)), v_all(87));
  const vec power = v_mul(within, v_all(1.44269504f)), whole = v_round(power);
  const vec t = v_mul(v_sub(power, whole), v_all(0.69314718f));
  vec y = v_all(1.0f / 720);
  y = v_fma(y, t, v_all(1.0f / 120));
  y = v_fma(y, t, v_all(1.0f / 24));
  y = v_fma(y, t, v_all(1.0f / 6));
  y = v_fma(y, t, v_all(0.5f));
  y = v_fma(y, t, v_all(1));
  y = v_fma(y, t, v_all(1));
  return v_mul(y, v_two_to(whole));
}

#endif
