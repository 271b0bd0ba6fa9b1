/* What loop.c and worker.c share, and nobody else needs. */
#ifndef LOOP_DELIVER_H
#define LOOP_DELIVER_H
#include "loop/loop.h"

enum { MAIL_WORKED = MAIL_CALL + 1 }; /* struct worker_job: its done is to be called */

/* A thread of ours: named, with all signals but those of a crash blocked. 0 or -Exxx. */
int thread_start(pthread_t *ret, void *(*fn)(void *), void *arg, const char *name);
#endif
