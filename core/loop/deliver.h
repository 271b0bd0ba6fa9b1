/* What loop.c, wake.c and worker.c share, and nobody else needs. */
#ifndef LOOP_DELIVER_H
#define LOOP_DELIVER_H
#include "loop/loop.h"

enum { MAIL_WORKED = MAIL_CALL + 1 }; /* struct worker_job: its done is to be called */

/* A thread of ours: named, with all signals but those of a crash blocked. 0 or -Exxx. */
int thread_start(pthread_t *ret, void *(*fn)(void *), void *arg, const char *name);

/* ThreadSanitizer does not see into liburcu. The hand-over is told for each mail by itself, so that
 * it proves nothing about memory which this mail does not carry. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LOOP_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define LOOP_TSAN 1
#endif
#ifdef LOOP_TSAN
#include <sanitizer/tsan_interface.h>
#define HAND_OVER(m) __tsan_release(m)
#define TAKE_OVER(m) __tsan_acquire(m)
#else
#define HAND_OVER(m) ((void)0)
#define TAKE_OVER(m) ((void)0)
#endif

extern _Thread_local struct loop *loop_here; /* the one that this thread runs, or NULL */

/* Of the loop that this thread runs: wakes whom its posts are for. */
void wake_due(struct loop *l);
/* The same where a mail took long: who is to be woken does not wait for more than one slow hook. */
void wake_late(struct loop *l);
/* On its own thread: it is awake, and looks into its boxes next. */
void wake_end_doze(struct loop *l);
#endif
