/*
 * The kernels as a Node-API addon. What is given is checked by those who call it: `src/models/engines/native-painter.ts`
 * and `src/pipeline/stages/steady-*.ts`.
 */
#include <node_api.h>

#ifdef __x86_64__
#include <cpuid.h>
#endif
#include <stdlib.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "painter.h"
#include "steady.h"

#ifndef SOURCES
#define SOURCES "unknown"
#endif

static napi_value fail(napi_env env, const char *why) {
  napi_throw_error(env, NULL, why);
  return NULL;
}

#ifdef __x86_64__
static uint64_t enabled_state(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

#ifdef __linux__
static const Way *const ways[] = {&way_avx2, &way_avx512, &way_amx};
/* Asks the system for the registers of AMX. */
static bool may_amx(void) {
  enum { XTILEDATA = 18, ARCH_REQ_XCOMP_PERM = 0x1023 };
  return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XTILEDATA) == 0;
}
#else
/* Elsewhere AMX was not tried yet. */
static const Way *const ways[] = {&way_avx2, &way_avx512};
static bool may_amx(void) { return false; }
#endif
/* Which ways this processor and this system let a program take, a bit for each of `ways`. */
static int ways_here(void) {
  enum { AVX2 = 1, AVX512 = 2, AMX = 4 };
  const uint64_t ymm = 0x6, zmm = 0xe6, tiles = 3ull << 17;
  uint32_t a, b, c, d;
  int found = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
  const bool fma = c & bit_FMA;
  const uint64_t state = enabled_state();
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
  const uint32_t wanted = bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;
  const bool amx = d >> 22 & 1 && d >> 24 & 1 && (state & tiles) == tiles;
  if (fma && b & bit_AVX2 && (state & ymm) == ymm) found |= AVX2;
  if (!(found & AVX2) || (b & wanted) != wanted || (state & zmm) != zmm) return found;
  found |= AVX512;
  const bool bf16 = __get_cpuid_count(7, 1, &a, &b, &c, &d) && a >> 5 & 1;
  return amx && bf16 && may_amx() ? found | AMX : found;
}
#else
/* Behind the ways of other processors, so that each has one number everywhere. Every ARM of 64 bits has NEON. */
static const Way *const ways[] = {NULL, NULL, NULL, &way_neon};
static int ways_here(void) { return 8; }
#endif
enum { WAYS = sizeof ways / sizeof *ways };

/* A painter or a bound style; its memory may be freed before JavaScript lets go of it. */
typedef struct {
  const Way *way;
  Painter *painter;
  Bound *bound;
} Held;

static void let_go(Held *held) {
  if (held->painter) held->way->free(held->painter);
  if (held->bound) held->way->free_bound(held->bound);
  held->painter = NULL;
  held->bound = NULL;
}

static void collected(napi_env env, void *held, void *hint) {
  (void)env, (void)hint;
  let_go(held);
  free(held);
}

static napi_value hold(napi_env env, Held what) {
  napi_value value;
  Held *held = malloc(sizeof *held);
  if (held) {
    *held = what;
    if (napi_create_external(env, held, collected, NULL, &value) == napi_ok) return value;
    free(held);
  }
  let_go(&what);
  return fail(env, "There is not enough memory.");
}

static Held *held_by(napi_env env, napi_value value) {
  void *held = NULL;
  return napi_get_value_external(env, value, &held) == napi_ok ? held : NULL;
}

static int64_t whole_number(napi_env env, napi_value value) {
  int64_t number = 0;
  napi_get_value_int64(env, value, &number);
  return number;
}

/* create(way, steps: Int32Array, mixes: Int32Array, tensors, threads) */
static napi_value create(napi_env env, napi_callback_info info) {
  size_t argc = 5, steps_length = 0, mixes_length = 0;
  napi_value argv[5];
  void *steps = NULL, *mixes = NULL;
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  if (argc < 5 || napi_get_typedarray_info(env, argv[1], NULL, &steps_length, &steps, NULL, NULL) != napi_ok ||
      napi_get_typedarray_info(env, argv[2], NULL, &mixes_length, &mixes, NULL, NULL) != napi_ok)
    return fail(env, "A painter wants its steps.");
  const int64_t way = whole_number(env, argv[0]);
  const size_t step = sizeof(Step) / sizeof(int32_t), mix = sizeof(Mix) / sizeof(int32_t);
  if (way < 0 || way >= WAYS || !ways[way] || steps_length == 0 || steps_length % step || mixes_length % mix)
    return fail(env, "These are no steps of this painter.");
  const Program program = {
      .steps = steps,
      .count = (int)(steps_length / step),
      .mixes = mixes,
      .mix_count = (int)(mixes_length / mix),
      .tensors = (size_t)whole_number(env, argv[3]),
  };
  Painter *painter = ways[way]->create(&program, (int)whole_number(env, argv[4]));
  if (!painter) return fail(env, "There is not enough memory to paint pictures of this size.");
  return hold(env, (Held){.way = ways[way], .painter = painter});
}

/* bind(painter, weights: Float32Array[]) */
static napi_value bind(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value argv[2];
  uint32_t count = 0;
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  const Held *held = argc == 2 ? held_by(env, argv[0]) : NULL;
  if (!held || !held->painter || napi_get_array_length(env, argv[1], &count) != napi_ok)
    return fail(env, "The painter is closed.");
  const float **weights = calloc(count + 1, sizeof *weights);
  size_t *lengths = calloc(count + 1, sizeof *lengths);
  bool read = weights && lengths;
  for (uint32_t i = 0; read && i < count; i++) {
    napi_value one;
    void *data = NULL;
    read = napi_get_element(env, argv[1], i, &one) == napi_ok &&
           napi_get_typedarray_info(env, one, NULL, &lengths[i], &data, NULL, NULL) == napi_ok;
    weights[i] = data;
  }
  Bound *bound = read ? held->way->bind(held->painter, weights, lengths) : NULL;
  free(weights);
  free(lengths);
  if (!bound) return fail(env, "There is not enough memory for another style.");
  return hold(env, (Held){.way = held->way, .bound = bound});
}

/* paint(painter, bound, from: Uint8Array, to: Uint8Array) */
static napi_value paint(napi_env env, napi_callback_info info) {
  size_t argc = 4;
  napi_value argv[4];
  void *from = NULL, *to = NULL;
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  const Held *painter = argc == 4 ? held_by(env, argv[0]) : NULL, *style = painter ? held_by(env, argv[1]) : NULL;
  if (!style || !painter->painter || !style->bound || painter->way != style->way ||
      napi_get_typedarray_info(env, argv[2], NULL, NULL, &from, NULL, NULL) != napi_ok ||
      napi_get_typedarray_info(env, argv[3], NULL, NULL, &to, NULL, NULL) != napi_ok)
    return fail(env, "The painter is closed.");
  painter->way->paint(painter->painter, style->bound, from, to);
  return NULL;
}

/* release(painter or bound): frees its memory now rather than when it is collected. */
static napi_value release(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argv[1];
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  Held *held = argc == 1 ? held_by(env, argv[0]) : NULL;
  if (held) let_go(held);
  return NULL;
}

/* The numbers of some typed arrays; whether all are. */
static bool numbers_of(napi_env env, const napi_value *values, int count, void **numbers) {
  for (int i = 0; i < count; i++)
    if (napi_get_typedarray_info(env, values[i], NULL, NULL, &numbers[i], NULL, NULL) != napi_ok) return false;
  return true;
}

/* holdPainting(width, height, shown, key, keyGreen, painting, green: Uint8Array, still, glides: Int32Array) */
static napi_value hold_painting(napi_env env, napi_callback_info info) {
  size_t argc = 9;
  napi_value argv[9];
  void *numbers[7];
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  if (argc < 9 || !numbers_of(env, argv + 2, 7, numbers)) return fail(env, "A held painting wants its pictures.");
  const Holding holding = {
      .width = (int)whole_number(env, argv[0]),
      .height = (int)whole_number(env, argv[1]),
      .shown = numbers[0],
      .key = numbers[1],
      .key_green = numbers[2],
      .painting = numbers[3],
      .green = numbers[4],
      .still = numbers[5],
      .glides = numbers[6],
  };
  return steady_hold(&holding) ? NULL : fail(env, "There is not enough memory to hold a painting.");
}

/* measureCells(width, height, before, after: Uint8Array, changes, shifts: Float32Array) */
static napi_value measure_cells(napi_env env, napi_callback_info info) {
  size_t argc = 6;
  napi_value argv[6];
  void *numbers[4];
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  if (argc < 6 || !numbers_of(env, argv + 2, 4, numbers)) return fail(env, "A measurement wants its planes.");
  const int width = (int)whole_number(env, argv[0]), height = (int)whole_number(env, argv[1]);
  steady_measure(numbers[0], numbers[1], width, height, numbers[2], numbers[3]);
  return NULL;
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      {"create", NULL, create, NULL, NULL, NULL, napi_enumerable, NULL},
      {"bind", NULL, bind, NULL, NULL, NULL, napi_enumerable, NULL},
      {"paint", NULL, paint, NULL, NULL, NULL, napi_enumerable, NULL},
      {"release", NULL, release, NULL, NULL, NULL, napi_enumerable, NULL},
      {"holdPainting", NULL, hold_painting, NULL, NULL, NULL, napi_enumerable, NULL},
      {"measureCells", NULL, measure_cells, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  napi_value value;
  napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions);
  napi_create_int32(env, ways_here(), &value);
  napi_set_named_property(env, exports, "ways", value);
  napi_create_int32(env, sizeof(Step) / sizeof(int32_t), &value);
  napi_set_named_property(env, exports, "stepSize", value);
  napi_create_int32(env, sizeof(Mix) / sizeof(int32_t), &value);
  napi_set_named_property(env, exports, "mixSize", value);
  napi_create_string_utf8(env, SOURCES, NAPI_AUTO_LENGTH, &value);
  napi_set_named_property(env, exports, "sources", value);
  return exports;
}
