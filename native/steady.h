/* The loops over pixels of the stage that holds what does not move: `src/pipeline/stages/steady-*.ts` says why and how. */
#ifndef LIVEBRUSH_STEADY_H
#define LIVEBRUSH_STEADY_H

#include <stdint.h>

/* Side of a cell in pixels, and the share that is everything. */
enum { CELL = 8, WHOLE = 256 };

/* Pictures of one size: bytes of three planes, and of one; shares of each cell. */
typedef struct {
  int width, height;
  uint8_t *shown, *key, *key_green;
  const uint8_t *painting, *green;
  const int32_t *still, *glides;
} Holding;

/* Brings what is shown and the key painting up to date, as `holdPainting` in `steady-blend.ts`; 0 without memory. */
int steady_hold(const Holding *holding);

/* Mean absolute change of each cell, and the absolute change of its mean, as `measure` in `steady-gate.ts`. */
void steady_measure(const uint8_t *before, const uint8_t *after, int width, int height, float *changes, float *shifts);

#endif
