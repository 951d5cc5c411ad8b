/* Threads that share the rows of a picture out among them. */
#ifndef LIVEBRUSH_THREADS_H
#define LIVEBRUSH_THREADS_H

typedef struct Crew Crew;

/* Work on rows `begin` to `end`, as number `thread` of the crew. */
typedef void (*Rows)(void *job, int thread, int begin, int end);

/* A crew of `count`, the caller among them; NULL where the system gives no more threads or memory. */
Crew *crew_create(int count);
void crew_free(Crew *crew);

/* Does all rows, each thread a band of its own, and returns when all are done. Without a crew the caller does them. */
void crew_rows(Crew *crew, Rows work, void *job, int rows);

#endif
