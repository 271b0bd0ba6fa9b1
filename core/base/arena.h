/* Memory that is given back all at once: values, options, one message's odds and ends.
 *
 * Not for two threads at a time. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H
#include <parley/base.h>

struct arena_block;
struct arena {
    struct arena_block *blocks;
    char *at, *end;
    size_t block_bytes;
};
/* block_bytes: of each further block; nothing is allocated yet. */
void arena_init(struct arena *a, size_t block_bytes);
/* Begins in the caller's memory. */
void arena_init_in(struct arena *a, void *first, size_t first_bytes, size_t block_bytes);
void arena_finish(struct arena *a); /* frees all blocks; the caller's stays the caller's */
void *arena_alloc(struct arena *a, size_t n); /* aligned to 8, not zeroed; NULL: no memory */
void *arena_zalloc(struct arena *a, size_t n);
/* A copy with its 0; absent stays absent; .p NULL with s.p set: no memory. */
parley_str arena_str(struct arena *a, parley_str s);
parley_str arena_printf(struct arena *a, const char *format, ...) PARLEY_PRINTF(2);
#endif
