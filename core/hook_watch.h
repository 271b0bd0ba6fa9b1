/* The watch of hooks that do not return: a thread that looks at every thread's crumb now and then,
 * and names in the log what has not moved for too long. It ends nothing. [control] */
#ifndef HOOK_WATCH_H
#define HOOK_WATCH_H
#include <stdint.h>

/* So that one that spins is named within five seconds. */
enum { HOOK_WATCH_MS = 4000, HOOK_WATCH_LOOK_MS = 400 };
_Static_assert(HOOK_WATCH_MS + 2 * HOOK_WATCH_LOOK_MS < 5000,
               "it began before a first look, and is named at one");

/* A call that was there at looks over `most_ms` is named once, and again when it returned; looks
 * are `look_ms` apart. Does nothing where there is no memory for a thread, or one runs. */
void hook_watch_start(int64_t most_ms, int64_t look_ms);
void hook_watch_stop(void); /* takes none, too */
#endif
