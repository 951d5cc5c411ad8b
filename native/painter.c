/*
 * Compiled once for each way to multiply: see vectors.h.
 *
 * Tensors are stored pixel by pixel, all channels of one together. So what a filter sees of one row of its input is one
 * piece of memory, and a convolution is a sum of matrix products that need no copies: of `rows` input rows, windows that
 * begin `in_group` numbers apart, times the filter's numbers for that row. Where a layer has fewer channels than a vector
 * has lanes, `group` neighbouring output pixels share a window that covers them all, with zeros where a pixel does not look.
 * A layer behind nearest upsampling reads the small tensor: its rows and columns come in two kinds (`phases`), each with
 * those of the filter's numbers added that meet the same pixel.
 *
 * A convolution is followed by an instance norm, whose mean and variance are summed while the numbers are still at hand.
 * It takes out whatever is added to a whole channel, which is used to keep numbers near zero, where they have most digits.
 * What is stored between the two is the distance from the mean of the middle row. What is stored behind the norm is the
 * distance from what such a mean becomes, the tensor's centre; only the last convolution has to make good for that. So
 * all of a flat picture is zero, of which norms would else make a pattern: they enlarge rounding errors as all else.
 */
#include "painter.h"

#include <math.h>
#include <string.h>

#include "memory.h"
#include "threads.h"
#include "vectors.h"

enum {
  SLACK = 8192, /* numbers behind a tensor that the last block may read */
  MOST_THREADS = 64,
  MOST_GROUP = 16, /* pixels of a group */
#if WAY_AMX
  DEPTH = 32, /* numbers of a tile's column */
#else
  DEPTH = 1,
#endif
  TILE = LANES * DEPTH,
  PAIR = 2 * LANES,
/* Groups that are multiplied at once; without tiles, how many by two vectors of lanes (and half of it), and by one. */
#if WAY_NEON
  /* Twenty sums, four factors and five windows are what 32 registers of four numbers hold. */
  BLOCK = 30,
  TALL = 5,
  TALLER = 10,
#elif WAY_AVX2
  BLOCK = 36,
  TALL = 6,
  TALLER = 12,
#else
  BLOCK = 32,
  TALL = 8,
  TALLER = 16,
#endif
};

struct Painter {
  Step *steps;
  Mix *mixes;
  int count, threads;
  /* Where each step's weights are packed, and numbers of all. */
  size_t *packed, packed_size;
  /* All tensors; what a layer's convolution makes and its norm takes. */
  num *tensors, *raws;
  /* Of the layer at work: sum and sum of squares of each lane by thread; what is taken from each lane; what the norm
     multiplies each number of a row's period by, what it adds, and what it takes off after the activation. */
  double *sums;
  float *pilots, *factors, *shifts, *offs;
  /* Of each step's tensor: what its numbers are the distance from, by channel. */
  float **centres;
  /* Most lanes and longest period of any layer. */
  size_t lanes, period;
  /* Of each thread: a block's products, then a block's mixed rows. */
  float **scratch;
  num **mixed;
  Crew *crew;
};

struct Bound {
  num *packed;
  float **weights;
  int count;
};

static inline int tiles(int numbers, int size) { return (numbers + size - 1) / size; }
static inline int lanes_of(const Step *s) { return s->group * s->channels; }
static inline int lane_tiles(const Step *s) { return tiles(lanes_of(s), LANES); }
static inline int depth_tiles(const Step *s) { return tiles(s->window, DEPTH); }
static inline size_t row_size(const Step *s) { return (size_t)depth_tiles(s) * lane_tiles(s) * TILE; }
static inline bool convolves(const Step *s) { return s->kind != STEP_LOAD; }
static inline int mixtures(const Mix *m) { return m->rows + m->taps - 1; }

/* Rows of weights of one kind of output row: the filter's, or for each mixture as many as the filter has parts. */
static inline int packed_rows(const Step *s, const Mix *mix) { return mix ? s->rows / mix->taps * mixtures(mix) : s->rows; }

/* Numbers of a row that some windows cover, in whole pairs of vectors. */
static inline size_t span_of(const Step *s, int groups) {
  return (size_t)tiles((groups - 1) * s->in_group + s->window, PAIR) * PAIR;
}

/* Whether a tensor may be stored apart from its centre: not where zeros stand around it. */
static inline bool centred(const Step *s) { return s->border == 0 || s->border_mode != BORDER_ZERO; }

static inline const Mix *mix_of(const Painter *p, const Step *s) { return s->mix < 0 ? NULL : &p->mixes[s->mix]; }

/* Numbers after which the channels of a row begin at a vector's first lane again. */
static int period_of(int channels) {
  int period = channels;
  while (period % LANES) period += channels;
  return period;
}

static void painter_free(Painter *p) {
  if (!p) return;
  crew_free(p->crew);
  for (int i = 0; i < p->threads; i++) {
    if (p->scratch) pages_free(p->scratch[i]);
    if (p->mixed) pages_free(p->mixed[i]);
  }
  for (int i = 0; p->centres && i < p->count; i++) pages_free(p->centres[i]);
  void *const held[] = {p->scratch, p->mixed,   p->centres, p->offs,  p->shifts, p->factors, p->pilots,
                        p->sums,    p->raws,    p->tensors, p->packed, p->mixes,  p->steps,   p};
  for (size_t i = 0; i < sizeof held / sizeof *held; i++) pages_free(held[i]);
}

static Painter *painter_create(const Program *program, int threads) {
  Painter *p = pages(sizeof *p);
  if (!p) return NULL;
  const int count = p->count = program->count;
  p->threads = threads < 1 ? 1 : threads > MOST_THREADS ? MOST_THREADS : threads;
  p->lanes = LANES, p->period = LANES;
  p->steps = pages(count * sizeof *p->steps);
  p->mixes = pages((program->mix_count + 1) * sizeof *p->mixes);
  p->packed = pages(count * sizeof *p->packed);
  if (!p->steps || !p->mixes || !p->packed) {
    painter_free(p);
    return NULL;
  }
  memcpy(p->steps, program->steps, count * sizeof *p->steps);
  memcpy(p->mixes, program->mixes, program->mix_count * sizeof *p->mixes);
  size_t raws = 0, products = 0, mixed = 0;
  for (int i = 0; i < count; i++) {
    const Step *s = &p->steps[i];
    const Mix *mix = mix_of(p, s);
    const size_t lanes = (size_t)lane_tiles(s) * LANES, period = period_of(s->channels);
    const size_t raw = (size_t)s->width * s->height * s->channels;
    if (!convolves(s)) continue;
    p->packed[i] = p->packed_size;
    p->packed_size += s->phases * packed_rows(s, mix) * row_size(s);
    if (lanes > p->lanes) p->lanes = lanes;
    if (period > p->period) p->period = period;
    if (s->kind == STEP_LAYER && raw > raws) raws = raw;
    /* Products of a block for each mixture, and one row that is made of them. */
    const size_t product = (mix ? mixtures(mix) + 1 : 1) * BLOCK * lanes + PAIR;
    if (product > products) products = product;
    const size_t span = mix ? span_of(s, BLOCK) * (s->rows / mix->taps) * mixtures(mix) : 0;
    if (span > mixed) mixed = span;
  }
  p->tensors = pages((program->tensors + SLACK) * sizeof(num));
  p->raws = pages((raws + LANES) * sizeof(num));
  p->sums = pages(2 * p->lanes * p->threads * sizeof(double));
  p->pilots = pages(p->lanes * sizeof(float));
  p->factors = pages(p->period * sizeof(float));
  p->shifts = pages(p->period * sizeof(float));
  p->offs = pages(p->period * sizeof(float));
  p->centres = pages(count * sizeof *p->centres);
  p->scratch = pages(p->threads * sizeof *p->scratch);
  p->mixed = pages(p->threads * sizeof *p->mixed);
  bool whole = p->tensors && p->raws && p->sums && p->pilots && p->factors && p->shifts && p->offs && p->centres &&
               p->scratch && p->mixed;
  for (int i = 0; whole && i < count; i++)
    whole = (p->centres[i] = pages(p->steps[i].channels * sizeof(float))) != NULL;
  for (int i = 0; whole && i < p->threads; i++)
    whole = (p->scratch[i] = pages(products * sizeof(float))) && (p->mixed[i] = pages(mixed * sizeof(num)));
  if (whole && p->threads > 1) whole = (p->crew = crew_create(p->threads)) != NULL;
  if (whole) return p;
  painter_free(p);
  return NULL;
}

/* ---- weights ---- */

static inline int floor_half(int n) { return n >= 0 ? n / 2 : -((1 - n) / 2); }

/*
 * What one kind of output row multiplies one input row by, [depth tiles x DEPTH][wide]. Behind upsampling several of the
 * filter's numbers may come to one place.
 */
static void lay_out(const Step *s, const float *weight, int phase, int row, float *sheet) {
  const int wide = lane_tiles(s) * LANES, channels = s->channels, side = s->side, depth = s->depth;
  memset(sheet, 0, sizeof(float) * wide * depth_tiles(s) * DEPTH);
  for (int ky = 0; ky < side; ky++) {
    /* The input row that this row of the filter meets, counted from the first that is read. */
    const int at = s->upsample == 2 ? floor_half(phase + ky - s->pad) - floor_half(phase - s->pad) : ky;
    if (at != row) continue;
    for (int place = 0; place < s->group; place++)
      for (int kx = 0; kx < side; kx++) {
        const int pixel = s->upsample == 2 ? place / 2 : place, column = place - 2 * pixel;
        const int x = s->upsample == 2 ? pixel + floor_half(column + kx - s->pad) - floor_half(-s->pad)
                                       : pixel * s->stride + kx;
        for (int c = 0; c < channels; c++) {
          const int lane = s->kind == STEP_PICTURE ? c * s->group + place : place * channels + c;
          const float *filter = weight + ((size_t)c * depth * side + ky) * side + kx;
          for (int d = 0; d < depth; d++)
            sheet[(size_t)(x * depth + d) * wide + lane] += filter[(size_t)d * side * side] * s->weight_scale;
        }
      }
  }
}

/* A row's numbers as the kernels read them: [depth tile][lane tile][pair][lane][2] for AMX, else as they are. */
static num *pack_row(const Step *s, const float *sheet, num *packed) {
  const int wide = lane_tiles(s) * LANES, deep = depth_tiles(s) * DEPTH;
#if WAY_AMX
  for (int k = 0; k < deep; k += DEPTH)
    for (int n = 0; n < wide; n += LANES)
      for (int pair = 0; pair < DEPTH / 2; pair++)
        for (int lane = 0; lane < LANES; lane++)
          for (int half = 0; half < 2; half++) *packed++ = n_from(sheet[(size_t)(k + 2 * pair + half) * wide + n + lane]);
  return packed;
#else
  memcpy(packed, sheet, sizeof(num) * wide * deep);
  return packed + (size_t)wide * deep;
#endif
}

/* All of a step's filters, [phase][row], or with mixed rows [phase][mixture][part]. */
static void pack(const Step *s, const Mix *mix, const float *weight, num *packed, float *sheets) {
  const size_t size = (size_t)lane_tiles(s) * LANES * depth_tiles(s) * DEPTH;
  for (int phase = 0; phase < s->phases; phase++) {
    for (int row = 0; row < s->rows; row++) lay_out(s, weight, phase, row, sheets + row * size);
    if (!mix)
      for (int row = 0; row < s->rows; row++) packed = pack_row(s, sheets + row * size, packed);
    else
      for (int j = 0; j < mixtures(mix); j++)
        for (int part = 0; part < s->rows / mix->taps; part++) {
          float *blend = sheets + s->rows * size;
          memset(blend, 0, size * sizeof *blend);
          for (int tap = 0; tap < mix->taps; tap++) {
            const float share = mix->filter[j * mix->taps + tap], *from = sheets + (part * mix->taps + tap) * size;
            for (size_t i = 0; i < size; i++) blend[i] += share * from[i];
          }
          packed = pack_row(s, blend, packed);
        }
  }
}

static void bound_free(Bound *b) {
  if (!b) return;
  for (int i = 0; b->weights && i < b->count; i++) pages_free(b->weights[i]);
  pages_free(b->weights);
  pages_free(b->packed);
  pages_free(b);
}

static Bound *painter_bind(const Painter *p, const float *const *weights, const size_t *lengths) {
  Bound *b = pages(sizeof *b);
  if (!b) return NULL;
  size_t largest = 0;
  for (int i = 0; i < p->count; i++) {
    const Step *s = &p->steps[i];
    if (!convolves(s)) continue;
    const int used[] = {s->scale, s->shift, s->bias, s->weight};
    for (int k = 0; k < 4; k++)
      if (used[k] >= b->count) b->count = used[k] + 1;
    const size_t sheets = (size_t)(s->rows + 1) * lane_tiles(s) * LANES * depth_tiles(s) * DEPTH;
    if (sheets > largest) largest = sheets;
  }
  b->packed = pages((p->packed_size + TILE) * sizeof(num));
  b->weights = pages((b->count + 1) * sizeof *b->weights);
  float *sheets = pages(largest * sizeof(float));
  bool whole = b->packed && b->weights && sheets;
  for (int i = 0; whole && i < p->count; i++) {
    const Step *s = &p->steps[i];
    if (!convolves(s)) continue;
    pack(s, mix_of(p, s), weights[s->weight], b->packed + p->packed[i], sheets);
    const int used[] = {s->scale, s->shift, s->bias, s->kind == STEP_PICTURE ? s->weight : -1};
    for (int k = 0; whole && k < 4; k++) {
      if (used[k] < 0 || b->weights[used[k]]) continue;
      const size_t bytes = lengths[used[k]] * sizeof(float);
      whole = (b->weights[used[k]] = pages(bytes)) != NULL;
      if (whole) memcpy(b->weights[used[k]], weights[used[k]], bytes);
    }
  }
  pages_free(sheets);
  if (whole) return b;
  bound_free(b);
  return NULL;
}

/* ---- borders ---- */

/* Where the first pixel of a row is in its tensor. */
static inline size_t pixel_at(const Step *s, int y) {
  return ((size_t)(y + s->border) * (s->width + 2 * s->border) + s->border) * s->channels;
}

static int source_of(int i, int n, int mode) {
  if (i >= 0 && i < n) return i;
  if (mode == BORDER_CLAMP) return i < 0 ? 0 : n - 1;
  return i < 0 ? -i : 2 * (n - 1) - i;
}

/* The border at the left and the right of a row whose pixels are there. `row` is its first pixel. */
static void close_row(num *row, const Step *s) {
  const size_t pixel = s->channels * sizeof(num);
  for (int i = 1; i <= s->border; i++) {
    const int to[] = {-i, s->width - 1 + i};
    for (int k = 0; k < 2; k++) {
      num *target = row + (ptrdiff_t)to[k] * s->channels;
      if (s->border_mode == BORDER_ZERO) memset(target, 0, pixel);
      else memcpy(target, row + (size_t)source_of(to[k], s->width, s->border_mode) * s->channels, pixel);
    }
  }
}

/* The rows above and below, once all others are there. */
static void close_tensor(num *tensor, const Step *s) {
  const size_t row = (size_t)(s->width + 2 * s->border) * s->channels;
  for (int i = 1; i <= s->border; i++) {
    const int to[] = {-i, s->height - 1 + i};
    for (int k = 0; k < 2; k++) {
      num *target = tensor + (size_t)(to[k] + s->border) * row;
      if (s->border_mode == BORDER_ZERO) memset(target, 0, row * sizeof(num));
      else {
        const size_t from = source_of(to[k], s->height, s->border_mode) + s->border;
        memcpy(target, tensor + from * row, row * sizeof(num));
      }
    }
  }
}

/* ---- picture in ---- */

typedef struct {
  Painter *p;
  const Bound *b;
  const Step *s;
  const Mix *mix;
  const num *packed;
  const uint8_t *from;
  uint8_t *to;
} Job;

/* The centre of the picture's channels: whole numbers, which bytes are exactly apart from in bfloat16 too. */
static void find_picture_centre(const Job *job, float *centre) {
  const Step *s = job->s;
  for (int c = 0; c < 3; c++) {
    const uint8_t *row = job->from + ((size_t)c * s->height + s->height / 2) * s->width;
    int64_t sum = 0;
    for (int x = 0; x < s->width; x++) sum += row[x];
    centre[c] = centred(s) ? (float)((sum + s->width / 2) / s->width) : 0;
  }
}

/* Bytes of three planes to pixels. */
static void load_rows(void *given, int thread, int begin, int end) {
  (void)thread;
  const Job *job = given;
  const Step *s = job->s;
  const size_t plane = (size_t)s->width * s->height;
  const float *centre = job->p->centres[0];
  const vec red = v_all(centre[0]), green = v_all(centre[1]), blue = v_all(centre[2]);
  for (int y = begin; y < end; y++) {
    num *to = job->p->tensors + s->out + pixel_at(s, y);
    const uint8_t *from = job->from + (size_t)y * s->width;
    int x = 0;
    for (; x + LANES <= s->width; x += LANES)
      v_to_triples(to + 3 * x, v_sub(v_bytes(from + x), red), v_sub(v_bytes(from + plane + x), green),
                   v_sub(v_bytes(from + 2 * plane + x), blue));
    for (; x < s->width; x++)
      for (int c = 0; c < 3; c++) to[3 * x + c] = n_from(from[c * plane + x] - centre[c]);
    close_row(to, s);
  }
}

/* ---- products ---- */

/* A block's products: windows of `from` by packed rows, summed over rows, into [groups][wide x LANES]. */
typedef struct {
  const Step *step;
  const num *from, *packed;
  float *to;
  size_t group, row;
  int rows, deep, wide, groups;
} Product;

/* Which tiles of a window's depth some tiles of lanes look at; others hold zeros for them. */
typedef struct {
  int begin, end;
} Reach;

static Reach reach_of(const Step *s, int tile, int count) {
  const int deep = depth_tiles(s), last_lane = (tile + count) * LANES < lanes_of(s) ? (tile + count) * LANES : lanes_of(s);
  if (s->kind == STEP_PICTURE) return (Reach){0, deep};
  const int first = tile * LANES / s->channels, last = (last_lane - 1) / s->channels, far = s->side - 1;
  const int begin = s->upsample == 2 ? first / 2 + floor_half(first % 2 - s->pad) - floor_half(-s->pad) : first * s->stride;
  const int end = s->upsample == 2 ? last / 2 + floor_half(last % 2 + far - s->pad) - floor_half(-s->pad)
                                   : last * s->stride + far;
  return (Reach){begin * s->depth / DEPTH, tiles((end + 1) * s->depth, DEPTH)};
}

/* Whether two tiles of lanes are multiplied sooner together, though one reads where only the other looks. */
static bool together(const Step *s, int tile, Reach *both) {
  const Reach one = reach_of(s, tile, 1), other = reach_of(s, tile + 1, 1);
  *both = reach_of(s, tile, 2);
  return 10 * (both->end - both->begin) <= 6 * (one.end - one.begin + other.end - other.begin);
}

#if WAY_AMX
/* Half a block or both halves by one or two tiles of lanes; each tile that is read serves up to two products. */
static inline __attribute__((always_inline)) void multiply_tiles(const Product *g, int n, Reach reach, const bool both,
                                                                 const bool pair) {
  const size_t stride = g->group * sizeof(num), out = (size_t)g->wide * LANES * sizeof(float);
  const size_t next = (size_t)g->wide * TILE;
  const num *from = g->from;
  _tile_zero(0);
  if (pair) _tile_zero(1);
  if (both) _tile_zero(2);
  if (both && pair) _tile_zero(3);
  for (int r = 0; r < g->rows; r++, from += g->row) {
    const num *tile = g->packed + (size_t)n * TILE + (size_t)(r * g->deep + reach.begin) * next;
    for (int k = reach.begin; k < reach.end; k++, tile += next) {
      _tile_loadd(4, from + k * DEPTH, stride);
      _tile_loadd(6, tile, 64);
      _tile_dpbf16ps(0, 4, 6);
      if (pair) _tile_loadd(7, tile + TILE, 64);
      if (pair) _tile_dpbf16ps(1, 4, 7);
      if (both) _tile_loadd(5, from + 16 * g->group + k * DEPTH, stride);
      if (both) _tile_dpbf16ps(2, 5, 6);
      if (both && pair) _tile_dpbf16ps(3, 5, 7);
    }
  }
  float *to = g->to + n * LANES, *below = to + (size_t)16 * g->wide * LANES;
  _tile_stored(0, to, out);
  if (pair) _tile_stored(1, to + LANES, out);
  if (both) _tile_stored(2, below, out);
  if (both && pair) _tile_stored(3, below + LANES, out);
}

static void multiply(const Product *g) {
  const bool both = g->groups > 16;
  for (int n = 0; n < g->wide;) {
    Reach reach;
    const bool pair = n + 1 < g->wide && together(g->step, n, &reach);
    if (!pair) reach = reach_of(g->step, n, 1);
    if (both && pair) multiply_tiles(g, n, reach, true, true);
    else if (both) multiply_tiles(g, n, reach, true, false);
    else if (pair) multiply_tiles(g, n, reach, false, true);
    else multiply_tiles(g, n, reach, false, false);
    n += pair ? 2 : 1;
  }
}

static void multiply_begin(void) {
  struct {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
  } config = {.palette = 1};
  for (int i = 0; i < 8; i++) config.bytes[i] = 64, config.rows[i] = 16;
  _tile_loadconfig(&config);
}

static void multiply_end(void) { _tile_release(); }
#else
/* Some groups by one or two vectors of lanes, whose sums all stay in registers. */
static inline __attribute__((always_inline)) void multiply_part(const Product *g, int first, int n, Reach reach,
                                                                const int count, const int width) {
  vec sums[16][2];
#pragma GCC unroll 16
  for (int m = 0; m < count; m++)
    for (int i = 0; i < width; i++) sums[m][i] = v_zero();
  const size_t next = (size_t)g->wide * LANES, group = g->group;
  for (int r = 0; r < g->rows; r++) {
    const num *from = g->from + first * group + r * g->row;
    const num *packed = g->packed + (size_t)n * LANES + (size_t)(r * g->deep + reach.begin) * next;
    for (int k = reach.begin; k < reach.end; k++, packed += next) {
      vec factors[2];
      for (int i = 0; i < width; i++) factors[i] = v_load(packed + i * LANES);
#pragma GCC unroll 16
      for (int m = 0; m < count; m++) {
        const vec window = v_all(from[m * group + k]);
        for (int i = 0; i < width; i++) sums[m][i] = v_fma(window, factors[i], sums[m][i]);
      }
    }
  }
#pragma GCC unroll 16
  for (int m = 0; m < count; m++)
    for (int i = 0; i < width; i++) v_store(g->to + (first + m) * next + (n + i) * LANES, sums[m][i]);
}

static void multiply(const Product *g) {
  for (int n = 0; n < g->wide;) {
    Reach reach;
    const bool pair = n + 1 < g->wide && together(g->step, n, &reach);
    if (!pair) reach = reach_of(g->step, n, 1);
    for (int m = 0; m < g->groups;) {
      const int left = g->groups - m;
      if (pair && left > TALL / 2) multiply_part(g, m, n, reach, TALL, 2), m += TALL;
      else if (pair) multiply_part(g, m, n, reach, TALL / 2, 2), m += TALL / 2;
      else if (left > TALL) multiply_part(g, m, n, reach, TALLER, 1), m += TALLER;
      else multiply_part(g, m, n, reach, TALL, 1), m += TALL;
    }
    n += pair ? 2 : 1;
  }
}

static void multiply_begin(void) {}
static void multiply_end(void) {}
#endif

/* ---- convolutions ---- */

/* A block of an output row: how many groups it has, and where its products are, [groups][wide x LANES]. */
typedef struct {
  int y, first, groups;
  const float *products;
} Block;

typedef void (*Use)(const Job *job, int thread, const Block *block);

/* The products of a block as they are written. */
static void multiply_row(const Job *job, int thread, int y, int first, int groups, Use use) {
  const Step *s = job->s;
  Painter *p = job->p;
  const int phase = y % s->phases;
  const Product product = {
      .step = s,
      .from = p->tensors + s->in + ((size_t)(y / s->phases) * s->row_step + phase) * s->in_row + (size_t)first * s->in_group,
      .packed = job->packed + phase * s->rows * row_size(s),
      .to = p->scratch[thread],
      .group = s->in_group,
      .row = s->in_row,
      .rows = s->rows,
      .deep = depth_tiles(s),
      .wide = lane_tiles(s),
      .groups = groups,
  };
  multiply(&product);
  use(job, thread, &(Block){.y = y, .first = first, .groups = groups, .products = p->scratch[thread]});
}

#if !WAY_AMX
/* What rows of `length` numbers make by their shares. */
static void mix_row(float *to, const float *const *rows, const float *shares, int count, size_t length) {
  const float *used[MOST_MIXED];
  vec share[MOST_MIXED];
  int uses = 0;
  for (int i = 0; i < count; i++)
    if (shares[i] != 0) used[uses] = rows[i], share[uses++] = v_all(shares[i]);
  for (size_t x = 0; x < length; x += PAIR) {
    vec a = v_zero(), b = v_zero();
    for (int i = 0; i < uses; i++) {
      a = v_fma(share[i], v_load(used[i] + x), a);
      b = v_fma(share[i], v_load(used[i] + x + LANES), b);
    }
    v_store(to + x, a);
    v_store(to + x + LANES, b);
  }
}

/* The products of a block of several output rows of one kind, from rows that are mixed first. */
static void multiply_mixed(const Job *job, int thread, int phase, int top, int first, int groups, Use use) {
  const Step *s = job->s;
  const Mix *mix = job->mix;
  Painter *p = job->p;
  const Step *source = &p->steps[s->from];
  const int parts = s->rows / mix->taps, count = mixtures(mix), wide = lane_tiles(s) * LANES;
  const size_t span = span_of(s, BLOCK), length = span_of(s, groups), block = (size_t)BLOCK * wide;
  /* Rows that no output row needs may lie below the last. */
  const int above = (s->in - source->out) / s->in_row, below = source->height + 2 * source->border - 1 - above;
  float *mixed = p->mixed[thread], *products = p->scratch[thread], *row = products + count * block;
  const float *rows[MOST_MIXED];
  for (int part = 0; part < parts; part++) {
    for (int i = 0; i < count; i++) {
      const int y = top + phase + part * mix->taps + i;
      rows[i] = p->tensors + s->in + (size_t)(y < below ? y : below) * s->in_row + (size_t)first * s->in_group;
    }
    for (int j = 0; j < count; j++)
      mix_row(mixed + (part * count + j) * span, rows, mix->input + j * count, count, length);
  }
  for (int j = 0; j < count; j++) {
    const Product product = {
        .step = s,
        .from = mixed + j * span,
        .packed = job->packed + ((size_t)phase * count + j) * parts * row_size(s),
        .to = products + j * block,
        .group = s->in_group,
        .row = count * span,
        .rows = parts,
        .deep = depth_tiles(s),
        .wide = lane_tiles(s),
        .groups = groups,
    };
    multiply(&product);
    rows[j] = product.to;
  }
  const size_t made = (size_t)tiles(groups * wide, PAIR) * PAIR;
  for (int i = 0; i < mix->rows && (top + i) * s->phases + phase < s->height; i++) {
    mix_row(row, rows, mix->output + i * count, count, made);
    use(job, thread, &(Block){.y = (top + i) * s->phases + phase, .first = first, .groups = groups, .products = row});
  }
}
#endif

/* Pieces that a convolution's output rows are made in: single rows, or as many as mixed rows yield at once. */
static inline int pieces_of(const Step *s, const Mix *mix) {
  return mix ? s->phases * tiles(s->height / s->phases, mix->rows) : s->height;
}

static void each_block(const Job *job, int thread, int piece, Use use) {
  const Step *s = job->s;
  const int all = s->width / s->group;
  for (int first = 0; first < all; first += BLOCK) {
    const int groups = all - first < BLOCK ? all - first : BLOCK;
#if !WAY_AMX
    if (job->mix) {
      multiply_mixed(job, thread, piece % s->phases, piece / s->phases * job->mix->rows, first, groups, use);
      continue;
    }
#endif
    multiply_row(job, thread, piece, first, groups, use);
  }
}

/* What the output's numbers are about, added up by lanes in the pilots. */
static void add_pilots(const Job *job, int thread, const Block *block) {
  (void)thread;
  const Step *s = job->s;
  const int wide = lane_tiles(s) * LANES;
  for (int m = 0; m < block->groups; m++)
    for (int n = 0; n < wide; n += LANES) {
      float *pilot = job->p->pilots + n;
      v_store(pilot, v_add(v_load(pilot), v_load(block->products + (size_t)m * wide + n)));
    }
}

/* The mean of each channel in the middle row, which is taken from all of them. */
static void find_pilots(const Job *job) {
  const Step *s = job->s;
  const int lanes = lanes_of(s), wide = lane_tiles(s) * LANES;
  float *pilots = job->p->pilots;
  memset(pilots, 0, wide * sizeof *pilots);
  /* A middle row by itself would cost as much as six. Centred input makes sums that are about zero, too. */
  if (job->mix) return;
  each_block(job, 0, s->height / 2, add_pilots);
  double means[s->channels];
  memset(means, 0, sizeof means);
  for (int n = 0; n < lanes; n++) means[n % s->channels] += pilots[n];
  for (int n = 0; n < wide; n++) pilots[n] = n < lanes ? (float)(means[n % s->channels] / s->width) : 0;
}

/* Takes the pilots off, adds to the sums, stores. */
static void keep(const Job *job, int thread, const Block *block) {
  const Step *s = job->s;
  Painter *p = job->p;
  const int lanes = lanes_of(s), wide = lane_tiles(s) * LANES, all = s->width / s->group;
  double *sums = p->sums + (size_t)thread * 2 * p->lanes, *squares = sums + p->lanes;
  for (int n = 0; n < wide; n += LANES) {
    const vec pilot = v_load(p->pilots + n);
    const float *from = block->products + n;
    num *to = p->raws + ((size_t)block->y * all + block->first) * lanes + n;
    vec sum = v_zero(), square = v_zero();
    for (int m = 0; m < block->groups; m++, from += wide, to += lanes) {
      const vec value = v_sub(v_load(from), pilot);
      sum = v_add(sum, value);
      square = v_fma(value, value, square);
      v_to_some_numbers(to, value, lanes - n);
    }
    float part[2][LANES];
    v_store(part[0], sum);
    v_store(part[1], square);
    for (int i = 0; i < LANES; i++) sums[n + i] += part[0][i], squares[n + i] += part[1][i];
  }
}

static void conv_pieces(void *given, int thread, int begin, int end) {
  const Job *job = given;
  memset(job->p->sums + (size_t)thread * 2 * job->p->lanes, 0, 2 * job->p->lanes * sizeof(double));
  multiply_begin();
  for (int piece = begin; piece < end; piece++) each_block(job, thread, piece, keep);
  multiply_end();
}

/* ---- norms ---- */

/* About the largest bfloat16: what overflows must not become a number that spoils all that it meets. */
#define LARGEST 3.3e38f

/* What each number of a row becomes; and the tensor's centre, which a sum of zero becomes. */
static void find_factors(const Job *job, float *centre) {
  const Step *s = job->s;
  Painter *p = job->p;
  const int lanes = lanes_of(s), period = period_of(s->channels);
  const double count = (double)s->width * s->height;
  const float *scale = s->scale < 0 ? NULL : job->b->weights[s->scale];
  const float *shift = s->shift < 0 ? NULL : job->b->weights[s->shift];
  const float *added = s->add < 0 ? NULL : p->centres[s->add];
  for (int c = 0; c < s->channels; c++) {
    double sum = 0, square = 0;
    for (int thread = 0; thread < p->threads; thread++) {
      const double *sums = p->sums + (size_t)thread * 2 * p->lanes;
      for (int n = c; n < lanes; n += s->channels) sum += sums[n], square += sums[p->lanes + n];
    }
    const double mean = sum / count, variance = fmax(square / count - mean * mean, 0);
    const double factor = (scale ? scale[c] : 1) / sqrt(variance + s->epsilon);
    const double zero = (shift ? shift[c] : 0) + (added ? added[c] : 0) - mean * factor;
    const float middle = (float)fmin(fmax(zero, -LARGEST), LARGEST);
    const float kept = s->relu ? fmaxf(middle, 0) : middle;
    centre[c] = centred(s) ? kept : 0;
    for (int i = c; i < period; i += s->channels) {
      p->factors[i] = (float)factor;
      /* Without an activation between them, what is added and what is taken off cancel out. */
      p->shifts[i] = s->relu ? middle : middle - centre[c];
      p->offs[i] = s->relu ? centre[c] : 0;
    }
  }
}

static void norm_rows(void *given, int thread, int begin, int end) {
  (void)thread;
  const Job *job = given;
  const Step *s = job->s;
  Painter *p = job->p;
  const int count = s->width * s->channels, period = period_of(s->channels);
  const Step *added = s->add < 0 ? NULL : &p->steps[s->add];
  const vec most = v_all(LARGEST), least = v_all(s->relu ? 0 : -LARGEST);
  for (int y = begin; y < end; y++) {
    const num *from = p->raws + (size_t)y * count;
    const num *add = added ? p->tensors + added->out + pixel_at(added, y) : NULL;
    num *to = p->tensors + s->out + pixel_at(s, y);
    for (int x = 0, k = 0; x < count; x += LANES, k = k + LANES < period ? k + LANES : 0) {
      vec value = v_fma(v_some_numbers(from + x, count - x), v_load(p->factors + k), v_load(p->shifts + k));
      if (add) value = v_add(value, v_some_numbers(add + x, count - x));
      value = v_sub(v_min(v_max(value, least), most), v_load(p->offs + k));
      v_to_some_numbers(to + x, value, count - x);
    }
    close_row(to, s);
  }
}

/* ---- picture out ---- */

/* Sums of a block to bytes of three planes. */
static void show(const Job *job, int thread, const Block *block) {
  (void)thread;
  const Step *s = job->s;
  const int wide = lane_tiles(s) * LANES, group = s->group;
  const size_t plane = (size_t)s->width * s->height;
  const vec one = v_all(1), most = v_all(255);
  /* Each group's bytes are copied with some behind them, which the next group's replace. */
  uint8_t planes[3][BLOCK * MOST_GROUP + LANES], bytes[3 * MOST_GROUP + LANES];
  for (int m = 0; m < block->groups; m++) {
    for (int n = 0; n < wide; n += LANES) {
      vec value = v_add(v_load(block->products + (size_t)m * wide + n), v_load(job->p->pilots + n));
      if (s->sigmoid != 0) value = v_div(one, v_add(one, v_exp(v_mul(value, v_all(-s->sigmoid)))));
      v_to_bytes(bytes + n, v_min(v_max(v_mul(value, most), v_zero()), most));
    }
    for (int c = 0; c < 3; c++) memcpy(planes[c] + m * group, bytes + c * group, LANES);
  }
  uint8_t *to = job->to + (size_t)block->y * s->width + (size_t)block->first * group;
  for (int c = 0; c < 3; c++) memcpy(to + c * plane, planes[c], (size_t)block->groups * group);
}

static void picture_pieces(void *given, int thread, int begin, int end) {
  multiply_begin();
  for (int piece = begin; piece < end; piece++) each_block(given, thread, piece, show);
  multiply_end();
}

/* What is added to each lane: the bias, and what the filters make of the input's centre. */
static void find_bias(const Job *job) {
  const Step *s = job->s;
  const float *weight = job->b->weights[s->weight], *centre = job->p->centres[s->from];
  const int square = s->side * s->side;
  memset(job->p->pilots, 0, lane_tiles(s) * LANES * sizeof(float));
  for (int c = 0; c < s->channels; c++) {
    double sum = s->bias < 0 ? 0 : job->b->weights[s->bias][c];
    for (int d = 0; d < s->depth; d++)
      for (int i = 0; i < square; i++)
        sum += (double)weight[(size_t)(c * s->depth + d) * square + i] * centre[d] * s->weight_scale;
    for (int place = 0; place < s->group; place++) job->p->pilots[c * s->group + place] = (float)sum;
  }
}

static void painter_paint(Painter *p, const Bound *b, const uint8_t *from, uint8_t *to) {
  Job job = {.p = p, .b = b, .from = from, .to = to};
  for (int i = 0; i < p->count; i++) {
    const Step *s = job.s = &p->steps[i];
    job.mix = convolves(s) ? mix_of(p, s) : NULL;
    job.packed = b->packed + p->packed[i];
    switch (s->kind) {
      case STEP_LOAD:
        find_picture_centre(&job, p->centres[i]);
        crew_rows(p->crew, load_rows, &job, s->height);
        close_tensor(p->tensors + s->out, s);
        break;
      case STEP_LAYER:
        multiply_begin();
        find_pilots(&job);
        multiply_end();
        crew_rows(p->crew, conv_pieces, &job, pieces_of(s, job.mix));
        find_factors(&job, p->centres[i]);
        crew_rows(p->crew, norm_rows, &job, s->height);
        close_tensor(p->tensors + s->out, s);
        break;
      case STEP_PICTURE:
        find_bias(&job);
        crew_rows(p->crew, picture_pieces, &job, pieces_of(s, job.mix));
        break;
    }
  }
}

#if WAY_AMX
const Way way_amx
#elif WAY_AVX512
const Way way_avx512
#elif WAY_NEON
const Way way_neon
#else
const Way way_avx2
#endif
    = {
        .create = painter_create,
        .free = painter_free,
        .bind = painter_bind,
        .free_bound = bound_free,
        .paint = painter_paint,
};
