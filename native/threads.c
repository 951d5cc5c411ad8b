#include "threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/* Since glibc 2.34 these are in libc under a new version; the old one is in all, so that older systems can load this. */
#if defined(__GLIBC__) && defined(__x86_64__)
__asm__(".symver pthread_create, pthread_create@GLIBC_2.2.5");
__asm__(".symver pthread_join, pthread_join@GLIBC_2.2.5");
#elif defined(__GLIBC__) && defined(__aarch64__)
__asm__(".symver pthread_create, pthread_create@GLIBC_2.17");
__asm__(".symver pthread_join, pthread_join@GLIBC_2.17");
#endif

/* Leaves the core's units to others for a moment. */
static inline void breathe(void) {
#ifdef __x86_64__
  __builtin_ia32_pause();
#else
  __asm__ volatile("yield");
#endif
}

/* How often a thread looks for work before it sleeps: for a tenth of a millisecond, longer than steps are apart. */
enum { LOOKS = 2000 };

typedef struct {
  Crew *crew;
  int number;
  pthread_t thread;
} Member;

struct Crew {
  int count, started;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  _Atomic unsigned turn; /* Counts what there was to do. */
  _Atomic int busy;
  bool over;
  Rows work;
  void *job;
  int rows;
  Member members[];
};

static void do_band(const Crew *crew, int number) {
  const int begin = (int)((long long)crew->rows * number / crew->count);
  const int end = (int)((long long)crew->rows * (number + 1) / crew->count);
  crew->work(crew->job, number, begin, end);
}

static void *member(void *given) {
  const Member *self = given;
  Crew *crew = self->crew;
  for (unsigned seen = 0;; seen++) {
    for (int i = 0; i < LOOKS && atomic_load_explicit(&crew->turn, memory_order_acquire) == seen; i++) breathe();
    if (atomic_load_explicit(&crew->turn, memory_order_acquire) == seen) {
      pthread_mutex_lock(&crew->lock);
      while (atomic_load_explicit(&crew->turn, memory_order_acquire) == seen) pthread_cond_wait(&crew->wake, &crew->lock);
      pthread_mutex_unlock(&crew->lock);
    }
    if (crew->over) return NULL;
    do_band(crew, self->number);
    atomic_fetch_sub_explicit(&crew->busy, 1, memory_order_release);
  }
}

/* Sends all others to work on what `crew` says. */
static void begin_turn(Crew *crew) {
  pthread_mutex_lock(&crew->lock);
  atomic_store_explicit(&crew->busy, crew->started, memory_order_relaxed);
  atomic_fetch_add_explicit(&crew->turn, 1, memory_order_release);
  pthread_cond_broadcast(&crew->wake);
  pthread_mutex_unlock(&crew->lock);
}

Crew *crew_create(int count) {
  Crew *crew = calloc(1, sizeof *crew + sizeof(Member) * (count - 1));
  if (!crew) return NULL;
  crew->count = count;
  pthread_mutex_init(&crew->lock, NULL);
  pthread_cond_init(&crew->wake, NULL);
  for (int i = 0; i < count - 1; i++) {
    crew->members[i] = (Member){.crew = crew, .number = i + 1};
    if (pthread_create(&crew->members[i].thread, NULL, member, &crew->members[i])) {
      crew_free(crew);
      return NULL;
    }
    crew->started++;
  }
  return crew;
}

void crew_free(Crew *crew) {
  if (!crew) return;
  crew->over = true;
  begin_turn(crew);
  for (int i = 0; i < crew->started; i++) pthread_join(crew->members[i].thread, NULL);
  pthread_cond_destroy(&crew->wake);
  pthread_mutex_destroy(&crew->lock);
  free(crew);
}

void crew_rows(Crew *crew, Rows work, void *job, int rows) {
  if (!crew) {
    work(job, 0, 0, rows);
    return;
  }
  crew->work = work, crew->job = job, crew->rows = rows;
  begin_turn(crew);
  do_band(crew, 0);
  for (int i = 0; atomic_load_explicit(&crew->busy, memory_order_acquire) > 0; i++) {
    if (i < LOOKS) breathe();
    else sched_yield();
  }
}
