#ifndef MEMORY_H
#define MEMORY_H

/* Zeroed memory that begins at a page, so that vectors do not straddle lines of the cache. */

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096 };

/* NULL where there is no memory left; freed by `pages_free`. */
static inline void *pages(size_t bytes) {
  const size_t whole = bytes ? (bytes + PAGE - 1) / PAGE * PAGE : PAGE;
#ifdef _WIN32
  void *memory = _aligned_malloc(whole, PAGE);
#else
  void *memory = aligned_alloc(PAGE, whole);
#endif
  if (memory) memset(memory, 0, whole);
  return memory;
}

static inline void pages_free(void *memory) {
#ifdef _WIN32
  _aligned_free(memory);
#else
  free(memory);
#endif
}

#endif
