/* Paints pictures with a TransformNet, by steps that `src/models/engines/native-program.ts` writes. */
#ifndef LIVEBRUSH_PAINTER_H
#define LIVEBRUSH_PAINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a step does: takes the picture in, a convolution with its norm, the last convolution to the painted picture. */
enum { STEP_LOAD, STEP_LAYER, STEP_PICTURE };

/* What surrounds a tensor: its own pixels mirrored without the edge, its edge, or zeros. */
enum { BORDER_REFLECT, BORDER_CLAMP, BORDER_ZERO };

/*
 * One step, as 32-bit numbers in this order. Tensors are [height + 2 border][width + 2 border][channels]; offsets and
 * strides count numbers, not bytes. Fields that a kind of step does not use are 0, weights that are not there -1.
 */
typedef struct {
  int32_t kind;
  /* Size of what the step makes, without border. */
  int32_t width, height, channels;
  /* The tensor that is made, but by the last. */
  int32_t out, border, border_mode;
  /* Where the first group of the first row begins to read, and how far on the next group, row and output row do. */
  int32_t in, in_group, in_row, row_step;
  /* Index of the step whose tensor is read. */
  int32_t from;
  /* Output pixels of a group, kinds of output rows in turn, input rows that each reads, and numbers of each of them. */
  int32_t group, phases, rows, window;
  /* The weights as written [channels, depth, side, side], and how the layer reads. */
  int32_t weight, depth, side, stride, pad, upsample;
  /* The norm's weights; whether nothing below 0 passes; index of the step whose tensor is added before that, or -1. */
  int32_t scale, shift, relu, add;
  /* The last convolution's bias. */
  int32_t bias;
  /* Which of the program's mixes the rows go through, -1 for none. */
  int32_t mix;
  /* What weights are multiplied by; what is added to the variance; what the last sums are multiplied by before the
     sigmoid, 0 for none. */
  float weight_scale, epsilon, sigmoid;
} Step;

/*
 * Rows are mixed before they are multiplied (Winograd's way, `src/models/engines/winograd.ts`): of `rows` + `taps` - 1
 * input rows as many mixtures, whose products yield `rows` output rows.
 */
enum { MOST_MIXED = 8 };
typedef struct {
  int32_t rows, taps;
  /* [mixtures][input rows], [mixtures][taps], [rows][mixtures]. */
  float input[MOST_MIXED * MOST_MIXED], filter[MOST_MIXED * MOST_MIXED], output[MOST_MIXED * MOST_MIXED];
} Mix;

typedef struct Painter Painter;
typedef struct Bound Bound;

typedef struct {
  const Step *steps;
  int count;
  const Mix *mixes;
  int mix_count;
  /* Numbers that all tensors take. */
  size_t tensors;
} Program;

/* A way to multiply. */
typedef struct {
  /* Memory to paint pictures of one size; NULL without memory. The program is copied. */
  Painter *(*create)(const Program *program, int threads);
  void (*free)(Painter *painter);
  /* A style's weights in the places where the kernels read them; NULL without memory. */
  Bound *(*bind)(const Painter *painter, const float *const *weights, const size_t *lengths);
  void (*free_bound)(Bound *bound);
  /* Paints planar RGB bytes. */
  void (*paint)(Painter *painter, const Bound *bound, const uint8_t *from, uint8_t *to);
} Way;

/* float32 on AVX2 and on AVX-512, bfloat16 on AMX. */
extern const Way way_avx2, way_avx512, way_amx, way_neon;

#endif
