/* A stored value: JSON as a tree in one piece of memory, immutable, so that what a plugin was given
 * stays as it was until its hook returns. */
#ifndef STORE_CELL_H
#define STORE_CELL_H
#include "message/value.h"

struct cell {
    struct cell *next; /* of those that were replaced in this turn */
    size_t bytes;      /* all that it takes */
    struct value value;
};
struct cell *cell_of(const struct value *v); /* a copy; free() it. NULL: no memory */
struct cell *cell_of_int(int64_t n);
#endif
