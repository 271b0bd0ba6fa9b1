/* How arrays grow that have an entry for each connection: by half. What is not used of them counts
 * with ten thousand, and half is still few copies. */
#ifndef BASE_GROW_H
#define BASE_GROW_H
#include <stdint.h>

/* The next capacity of one that is full; first: of one that has none yet. */
static inline uint32_t grow_by_half(uint32_t cap, uint32_t first)
{
    return cap ? cap + cap / 2 : first;
}
#endif
