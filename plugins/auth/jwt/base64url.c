/* base64url, strictly: one text for some bytes, and no other.
 *
 * The text is a stranger's, and two texts that were the same token would be two ways past whatever
 * looks for one of them. So nothing is passed over: what encoding would not have written is refused
 * as a whole.
 */
#include "base64url.h"

#include <stdint.h>
#include <stdlib.h>

/* What a character stands for, and one more: 0 is none of them. */
static const unsigned char digits[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64};

/* 0 to 63; more: it is no digit. */
static uint32_t value(char c)
{
    return (uint32_t)digits[(unsigned char)c] - 1;
}

unsigned char *base64url_decode(const char *p, size_t n, size_t *ret_bytes)
{
    static const size_t bytes_of_rest[4] = {0, 0, 1, 2};
    size_t rest = n % 4, bytes = n / 4 * 3 + bytes_of_rest[rest];
    const char *end = p + n - rest;
    unsigned char *out = rest == 1 ? NULL : malloc(bytes + 1), *to = out;
    uint32_t all = 0; /* above 63 as soon as one digit was none */

    if (!out)
        return NULL;
    for (; p < end; p += 4) {
        uint32_t a = value(p[0]), b = value(p[1]), c = value(p[2]), d = value(p[3]);
        all |= a | b | c | d;
        *to++ = (unsigned char)(a << 2 | b >> 4);
        *to++ = (unsigned char)(b << 4 | c >> 2);
        *to++ = (unsigned char)(c << 6 | d);
    }
    if (rest) {
        uint32_t a = value(p[0]), b = value(p[1]), c = rest == 3 ? value(p[2]) : 0;
        uint32_t over = rest == 3 ? c & 3 : b & 15; /* belongs to no byte */
        all |= a | b | c | (over ? 64 : 0);
        *to++ = (unsigned char)(a << 2 | b >> 4);
        if (rest == 3)
            *to++ = (unsigned char)(b << 4 | c >> 2);
    }
    if (all > 63) {
        free(out);
        return NULL;
    }
    *to = 0;
    *ret_bytes = bytes;
    return out;
}
