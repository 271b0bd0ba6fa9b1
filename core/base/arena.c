/* Arena: blocks in a list, a cursor into the newest.
 *
 * Nothing is freed one by one. A large piece gets a block of its own, behind the newest, so that
 * the rest of the newest is not lost to it. Every piece begins at a multiple of 8.
 */
#include "base/arena.h"

#include <stdlib.h>

#define ALIGNMENT   8u
#define BLOCK_LEAST 256u

struct arena_block {
    struct arena_block *next;
    char bytes[] __attribute__((aligned(ALIGNMENT)));
};

void arena_init(struct arena *a, size_t block_bytes)
{
    *a = (struct arena){.block_bytes = block_bytes};
}

void arena_init_in(struct arena *a, void *first, size_t first_bytes, size_t block_bytes)
{
    arena_init(a, block_bytes);
    size_t skip = -(uintptr_t)first & (ALIGNMENT - 1);
    if (first != NULL && first_bytes > skip) {
        a->at = (char *)first + skip;
        a->end = (char *)first + first_bytes;
    }
}

void arena_finish(struct arena *a)
{
    for (struct arena_block *b = a->blocks; b != NULL;) {
        struct arena_block *next = b->next;
        free(b);
        b = next;
    }
    *a = (struct arena){.block_bytes = a->block_bytes};
}

static char *new_block(struct arena *a, size_t n, bool own)
{
    struct arena_block *b = malloc(sizeof *b + n);
    if (b == NULL)
        return NULL;
    b->next = a->blocks;
    a->blocks = b;
    if (!own) {
        a->at = b->bytes;
        a->end = b->bytes + n;
    }
    return b->bytes;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n > SIZE_MAX / 2)
        return NULL;
    /* A piece of no bytes gets an address of its own too. */
    n = n == 0 ? ALIGNMENT : (n + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (n > (size_t)(a->end - a->at)) {
        size_t block = a->block_bytes < BLOCK_LEAST ? BLOCK_LEAST : a->block_bytes;
        if (n > block / 4)
            return new_block(a, n, true);
        if (new_block(a, block, false) == NULL)
            return NULL;
    }
    void *p = a->at;
    a->at += n;
    return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
    void *p = arena_alloc(a, n);
    return p == NULL ? NULL : memset(p, 0, n);
}

parley_str arena_str(struct arena *a, parley_str s)
{
    if (s.p == NULL || s.n == SIZE_MAX)
        return PARLEY_NONE;
    char *p = arena_alloc(a, s.n + 1);
    if (p == NULL)
        return PARLEY_NONE;
    memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return (parley_str){p, s.n};
}

parley_str arena_printf(struct arena *a, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    if (n < 0)
        return PARLEY_NONE;
    char *p = arena_alloc(a, (size_t)n + 1);
    if (p == NULL)
        return PARLEY_NONE;
    va_start(ap, format);
    vsnprintf(p, (size_t)n + 1, format, ap);
    va_end(ap);
    return (parley_str){p, (size_t)n};
}
