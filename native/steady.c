/* Eight pixels of a cell's width at once, by AVX2 or NEON, to the byte what the loops in TypeScript make. */
#include "steady.h"

#ifdef __x86_64__
#include <immintrin.h>
#else
#include <arm_neon.h>
#endif
#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef __x86_64__
typedef __m256i eight;
static inline eight e_all(int x) { return _mm256_set1_epi32(x); }
static inline eight e_steps(void) { return _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14); }
static inline eight e_add(eight a, eight b) { return _mm256_add_epi32(a, b); }
static inline eight e_sub(eight a, eight b) { return _mm256_sub_epi32(a, b); }
static inline eight e_mul(eight a, eight b) { return _mm256_mullo_epi32(a, b); }
static inline eight e_min(eight a, eight b) { return _mm256_min_epi32(a, b); }
static inline eight e_max(eight a, eight b) { return _mm256_max_epi32(a, b); }
/* Halved so often, towards minus infinity. */
#define e_down(a, times) _mm256_srai_epi32(a, times)
static inline eight e_bytes(const uint8_t *from) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)from));
}
static inline void e_to_bytes(uint8_t *to, eight numbers) {
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(numbers), _mm256_extracti128_si256(numbers, 1));
  _mm_storel_epi64((__m128i *)to, _mm_packus_epi16(words, words));
}
#else
typedef struct {
  int32x4_t low, high;
} eight;
static inline eight e_all(int x) { return (eight){vdupq_n_s32(x), vdupq_n_s32(x)}; }
static inline eight e_steps(void) { return (eight){{0, 2, 4, 6}, {8, 10, 12, 14}}; }
static inline eight e_add(eight a, eight b) { return (eight){vaddq_s32(a.low, b.low), vaddq_s32(a.high, b.high)}; }
static inline eight e_sub(eight a, eight b) { return (eight){vsubq_s32(a.low, b.low), vsubq_s32(a.high, b.high)}; }
static inline eight e_mul(eight a, eight b) { return (eight){vmulq_s32(a.low, b.low), vmulq_s32(a.high, b.high)}; }
static inline eight e_min(eight a, eight b) { return (eight){vminq_s32(a.low, b.low), vminq_s32(a.high, b.high)}; }
static inline eight e_max(eight a, eight b) { return (eight){vmaxq_s32(a.low, b.low), vmaxq_s32(a.high, b.high)}; }
#define e_down(a, times) ((eight){vshrq_n_s32((a).low, times), vshrq_n_s32((a).high, times)})
static inline eight e_bytes(const uint8_t *from) {
  const uint16x8_t words = vmovl_u8(vld1_u8(from));
  return (eight){vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(words))),
                 vreinterpretq_s32_u32(vmovl_u16(vget_high_u16(words)))};
}
static inline void e_to_bytes(uint8_t *to, eight numbers) {
  vst1_u8(to, vqmovn_u16(vcombine_u16(vqmovun_s32(numbers.low), vqmovun_s32(numbers.high))));
}
#endif

static inline int least(int a, int b) { return a < b ? a : b; }
static inline int most(int a, int b) { return a > b ? a : b; }

/* A share at the row between two rows of cells, for each column of cells. */
static void lerp_rows(const int32_t *cells, int columns, int rows, int y, int32_t *out) {
  const double at = fmin(rows - 1, fmax(0, (y + 0.5) / CELL - 0.5)), down = at - floor(at);
  const int32_t *top = cells + (size_t)floor(at) * columns;
  const int32_t *bottom = cells + (size_t)least(rows - 1, (int)floor(at) + 1) * columns;
  for (int i = 0; i < columns; i++) out[i] = top[i] + (int32_t)floor((bottom[i] - top[i]) * down + 0.5);
}

/* Eight bytes as numbers and back; at the picture's ends fewer are there. */
static inline eight bytes_of(const uint8_t *from, int count) {
  if (count == CELL) return e_bytes(from);
  uint8_t some[CELL] = {0};
  memcpy(some, from, count);
  return e_bytes(some);
}

static inline void to_bytes(uint8_t *to, eight numbers, int count) {
  if (count == CELL) {
    e_to_bytes(to, numbers);
    return;
  }
  uint8_t some[CELL];
  e_to_bytes(some, numbers);
  memcpy(to, some, count);
}

/* from + share (to - from), rounded. */
static inline eight between(eight from, eight to, eight share) {
  return e_add(from, e_down(e_add(e_mul(share, e_sub(to, from)), e_all(128)), 8));
}

/* Shares of eight pixels between the centres of two cells; `k` is twice the first one's distance from the left. */
static inline eight shares_of(int left, int right, int k) {
  return e_add(e_all(left), e_down(e_mul(e_all(right - left), e_add(e_all(k), e_steps())), 4));
}

typedef struct {
  size_t at;
  int count, k;
} Run;

static void glide(const Holding *h, Run run, const int32_t *glides) {
  const size_t plane = (size_t)h->width * h->height;
  const eight share = shares_of(glides[0], glides[1], run.k);
  for (int c = 0; c < 3; c++) {
    uint8_t *shown = h->shown + c * plane + run.at;
    to_bytes(shown, between(bytes_of(shown, run.count), bytes_of(h->key + c * plane + run.at, run.count), share), run.count);
  }
}

static void mix(const Holding *h, Run run, const int32_t *stills, const int32_t *glides) {
  const size_t plane = (size_t)h->width * h->height;
  const eight glide = shares_of(glides[0], glides[1], run.k), along = shares_of(stills[0], stills[1], run.k);
  const eight steep = e_sub(e_add(along, along), e_all(WHOLE / 2));
  const eight still = e_min(e_all(WHOLE), e_max(e_all(0), steep));
  for (int c = 0; c < 3; c++) {
    uint8_t *shown = h->shown + c * plane + run.at, *key = h->key + c * plane + run.at;
    const eight last = bytes_of(shown, run.count), goal = bytes_of(key, run.count);
    const eight fresh = bytes_of(h->painting + c * plane + run.at, run.count);
    to_bytes(shown, between(fresh, between(last, goal, glide), still), run.count);
    to_bytes(key, between(fresh, goal, still), run.count);
  }
  uint8_t *green = h->key_green + run.at;
  to_bytes(green, between(bytes_of(h->green + run.at, run.count), bytes_of(green, run.count), still), run.count);
}

/* What moves shows the present painting. */
static void renew(const Holding *h, size_t at, int count) {
  const size_t plane = (size_t)h->width * h->height;
  for (int c = 0; c < 3; c++) {
    memcpy(h->shown + c * plane + at, h->painting + c * plane + at, count);
    memcpy(h->key + c * plane + at, h->painting + c * plane + at, count);
  }
  memcpy(h->key_green + at, h->green + at, count);
}

int steady_hold(const Holding *h) {
  const int columns = (h->width + CELL - 1) / CELL, rows = (h->height + CELL - 1) / CELL;
  int32_t *stills = malloc(2 * columns * sizeof *stills), *glides = stills + columns;
  if (!stills) return 0;
  for (int y = 0; y < h->height; y++) {
    const size_t row = (size_t)y * h->width;
    lerp_rows(h->still, columns, rows, y, stills);
    lerp_rows(h->glides, columns, rows, y, glides);
    int moving = -1;
    for (int cell = 0; cell <= columns; cell++) {
      const int left = most(0, cell - 1), right = least(columns - 1, cell), centre = cell * CELL - CELL / 2;
      const int32_t still[] = {stills[left], stills[right]}, share[] = {glides[left], glides[right]};
      const int start = most(0, centre), end = least(h->width, centre + CELL);
      if (still[0] == 0 && still[1] == 0) {
        if (moving < 0) moving = start;
        continue;
      }
      if (moving >= 0 && least(h->width, start) > moving) renew(h, row + moving, least(h->width, start) - moving);
      moving = -1;
      const int held = still[0] == WHOLE && still[1] == WHOLE;
      if (start >= end || (held && share[0] == 0 && share[1] == 0)) continue;
      const Run run = {.at = row + start, .count = end - start, .k = 2 * (start - centre) + 1};
      if (held) glide(h, run, share);
      else mix(h, run, still, share);
    }
    if (moving >= 0 && h->width > moving) renew(h, row + moving, h->width - moving);
  }
  free(stills);
  return 1;
}

/* Changes of every second pixel of eight: the odd ones in odd rows. */
static inline void measure_eight(const uint8_t *before, const uint8_t *after, int odd, int *change, int *shift) {
#ifdef __x86_64__
  const __m128i chosen = _mm_set1_epi16(odd ? (short)0xff00 : 0x00ff);
  const __m128i a = _mm_and_si128(_mm_loadl_epi64((const __m128i *)before), chosen);
  const __m128i b = _mm_and_si128(_mm_loadl_epi64((const __m128i *)after), chosen);
  const __m128i zero = _mm_setzero_si128();
  *change += _mm_cvtsi128_si32(_mm_sad_epu8(a, b));
  *shift += _mm_cvtsi128_si32(_mm_sad_epu8(b, zero)) - _mm_cvtsi128_si32(_mm_sad_epu8(a, zero));
#else
  const uint8x8_t chosen = vreinterpret_u8_u16(vdup_n_u16(odd ? 0xff00 : 0x00ff));
  const uint8x8_t a = vand_u8(vld1_u8(before), chosen), b = vand_u8(vld1_u8(after), chosen);
  *change += vaddlv_u8(vabd_u8(a, b));
  *shift += vaddlv_u8(b) - vaddlv_u8(a);
#endif
}

void steady_measure(const uint8_t *before, const uint8_t *after, int width, int height, float *changes, float *shifts) {
  const int columns = (width + CELL - 1) / CELL, rows = (height + CELL - 1) / CELL;
  for (int row = 0; row < rows; row++)
    for (int column = 0; column < columns; column++) {
      const int left = column * CELL, right = least(width, left + CELL), bottom = least(height, (row + 1) * CELL);
      int change = 0, shift = 0, count = 0;
      for (int y = row * CELL; y < bottom; y++) {
        const size_t line = (size_t)y * width;
        if (right - left == CELL) {
          measure_eight(before + line + left, after + line + left, y & 1, &change, &shift);
          count += CELL / 2;
          continue;
        }
        for (int x = least(right - 1, left + (y & 1)); x < right; x += 2, count++) {
          const int difference = after[line + x] - before[line + x];
          change += abs(difference);
          shift += difference;
        }
      }
      const size_t cell = (size_t)row * columns + column;
      changes[cell] = (float)((double)change / count);
      shifts[cell] = (float)((double)abs(shift) / count);
    }
}
