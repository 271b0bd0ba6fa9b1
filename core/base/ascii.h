/* Text that may stand in a JSON string as it is, which nearly all is: looked at sixteen bytes at a
 * time, by the compiler's vectors, which are those of whatever machine it compiles for. */
#ifndef BASE_ASCII_H
#define BASE_ASCII_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef signed char ascii_bytes __attribute__((vector_size(16)));

/* Which of them are no such text: over 0x7f, which are below 0 here; controls, quotes, backslashes.
 */
static inline ascii_bytes ascii_others(const char *p)
{
    ascii_bytes v;

    memcpy(&v, p, sizeof v);
    return (v < 0x20) | (v == '"') | (v == '\\');
}

static inline bool ascii_any(ascii_bytes v)
{
    uint64_t half[2];

    memcpy(half, &v, sizeof half);
    return (half[0] | half[1]) != 0;
}

#define ASCII_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Eight bytes: in the first that is no such text the high bit is set. A borrow can set it in those
 * behind it too; 0: there is none. */
static inline uint64_t ascii_others8(uint64_t w)
{
    uint64_t quote = w ^ ASCII_EACH('"'), slash = w ^ ASCII_EACH('\\');

    return (w | (w - ASCII_EACH(0x20)) | (quote - ASCII_EACH(1)) | (slash - ASCII_EACH(1))) &
           ASCII_EACH(0x80);
}

/* p[0..n) is ASCII without controls, quotes and backslashes. */
static inline bool ascii_plain(const char *p, size_t n)
{
    ascii_bytes others = {0};
    size_t i = 0;

    if (n >= 8 && n < sizeof others) {
        uint64_t first, last;

        memcpy(&first, p, sizeof first);
        memcpy(&last, p + n - sizeof last, sizeof last);
        return (ascii_others8(first) | ascii_others8(last)) == 0;
    }
    if (n < 8) {
        for (; i < n; i++)
            if ((signed char)p[i] < 0x20 || p[i] == '"' || p[i] == '\\')
                return false;
        return true;
    }
    for (; i <= n - sizeof others; i += sizeof others)
        others |= ascii_others(p + i);
    return !ascii_any(others | ascii_others(p + n - sizeof others));
}
#endif
