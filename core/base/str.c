/* Strings: comparing, checking, hashing, and making them fit to be read by people.
 *
 * A parley_str with p NULL is absent, which is not the same as empty; every function here takes
 * both.
 */
#include "base/str.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

parley_str str_of(const char *s)
{
    return s == NULL ? PARLEY_NONE : (parley_str){s, strlen(s)};
}

parley_str str_n(const char *p, size_t n)
{
    return (parley_str){p, n};
}

bool str_eq(parley_str a, parley_str b)
{
    if (a.p == NULL || b.p == NULL)
        return a.p == b.p;
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

bool str_is(parley_str a, const char *literal)
{
    return str_eq(a, str_of(literal));
}

/* Not tolower(): that one asks the locale. */
static inline unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

int str_casecmp(parley_str a, parley_str b)
{
    if (a.p == NULL || b.p == NULL)
        return (a.p != NULL) - (b.p != NULL);
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        int d = lower(a.p[i]) - lower(b.p[i]);
        if (d != 0)
            return d;
    }
    return (a.n > b.n) - (a.n < b.n);
}

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

parley_str str_trim(parley_str s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

char *str_dup(parley_str s)
{
    char *p = malloc(s.n + 1);
    if (p == NULL)
        return NULL;
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

void str_free(char **p)
{
    free(*p);
    *p = NULL;
}

/* Length of the character at p, and which one it is; 0: not valid UTF-8. n > 0. */
static size_t decode(const char *p, size_t n, uint32_t *ret)
{
    const unsigned char *u = (const unsigned char *)p;
    size_t length = u[0] < 0x80   ? 1
                    : u[0] < 0xc2 ? 0
                    : u[0] < 0xe0 ? 2
                    : u[0] < 0xf0 ? 3
                    : u[0] < 0xf5 ? 4
                                  : 0;
    if (length == 0 || length > n)
        return 0;
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = u[0] & masks[length];
    for (size_t i = 1; i < length; i++) {
        if ((u[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (u[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *ret = c;
    return length;
}

bool str_valid_utf8(const char *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint64_t eight, four[4];
        if (n - i >= sizeof four) {
            memcpy(four, p + i, sizeof four);
            if (((four[0] | four[1] | four[2] | four[3]) & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof four;
                continue;
            }
        }
        if (n - i >= sizeof eight) { /* ASCII, as many bytes at a time as there are */
            memcpy(&eight, p + i, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof eight;
                continue;
            }
        }
        uint32_t c;
        size_t length = decode(p + i, n - i, &c);
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

size_t str_codepoints(parley_str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.n; i++)
        count += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return count;
}

bool str_list_has(const char *list, parley_str name)
{
    if (list == NULL || name.p == NULL)
        return false;
    for (;;) {
        size_t n = strcspn(list, ",");
        if (str_eq(str_trim(str_n(list, n)), name))
            return true;
        if (list[n] == '\0')
            return false;
        list += n + 1;
    }
}

bool str_random(void *p, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = getrandom((char *)p + done, n - done, 0);
        if (got < 0 && errno != EINTR)
            return false;
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static uint64_t hash_seed;
static pthread_once_t hash_once = PTHREAD_ONCE_INIT;

static void make_hash_seed(void)
{
    /* Without the kernel's random bytes there is the address space's layout, which strangers do not
     * know either. */
    if (!str_random(&hash_seed, sizeof hash_seed))
        hash_seed = (uint64_t)(uintptr_t)&hash_seed * UINT64_C(0x9e3779b97f4a7c15);
}

uint64_t str_hash(parley_str s)
{
    pthread_once(&hash_once, make_hash_seed);
    return XXH3_64bits_withSeed(s.n == 0 ? "" : s.p, s.n, hash_seed);
}

uint64_t str_hash_nocase(parley_str s)
{
    pthread_once(&hash_once, make_hash_seed);
    uint64_t h = hash_seed;
    char chunk[128];
    size_t i = 0;
    do { /* the hash of a chunk seeds the next: most names are one chunk */
        size_t n = 0;
        while (n < sizeof chunk && i < s.n)
            chunk[n++] = (char)lower(s.p[i++]);
        h = XXH3_64bits_withSeed(chunk, n, h);
    } while (i < s.n);
    return h;
}

#define CLOSEST_BYTES 64

/* Edits between two words, in any case: a letter more, less or other, or two neighbours swapped. */
static int edits(const char *a, size_t na, const char *b, size_t nb)
{
    int rows[3][CLOSEST_BYTES + 1];
    int *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= nb; j++)
        last[j] = (int)j;
    for (size_t i = 1; i <= na; i++) {
        row[0] = (int)i;
        for (size_t j = 1; j <= nb; j++) {
            bool same = lower(a[i - 1]) == lower(b[j - 1]);
            int least = last[j - 1] + !same;
            if (last[j] + 1 < least)
                least = last[j] + 1;
            if (row[j - 1] + 1 < least)
                least = row[j - 1] + 1;
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]) && before[j - 2] + 1 < least)
                least = before[j - 2] + 1;
            row[j] = least;
        }
        int *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[nb];
}

const char *str_closest(const char *word, const char *const *among, size_t n)
{
    size_t length = word == NULL ? 0 : strlen(word);
    int least = length <= 4 ? 2 : 3; /* one more than is allowed */
    if (length < 2 || length > CLOSEST_BYTES)
        return NULL;
    const char *best = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t other = strlen(among[i]);
        if (other < 2 || other > CLOSEST_BYTES)
            continue;
        int d = edits(word, length, among[i], other);
        if (d < least) {
            least = d;
            best = among[i];
        }
    }
    return best;
}

/* What would move the cursor, turn the writing direction, or end a line where a reader does not see
 * it. */
static bool is_treacherous(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x61c || (c >= 0x200e && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

char *str_printable(parley_str s, char *out, size_t out_bytes)
{
    static const char cut_mark[] = "...";
    size_t n = 0,
           cut = 0; /* cut: the last place between two pieces after which the mark still fits */
    if (out_bytes == 0)
        return out;
    for (size_t i = 0; i < s.n;) {
        char piece[16];
        uint32_t c;
        size_t length = decode(s.p + i, s.n - i, &c), bytes = length;
        if (length == 0 || (length == 1 && is_treacherous(c))) {
            length = 1;
            bytes = (size_t)snprintf(piece, sizeof piece, "\\x%02x", (unsigned char)s.p[i]);
        } else if (is_treacherous(c)) {
            bytes = (size_t)snprintf(piece, sizeof piece, "\\u{%04x}", c);
        } else {
            memcpy(piece, s.p + i, length);
        }
        if (n + bytes >= out_bytes) {
            snprintf(out + cut, out_bytes - cut, "%s", out_bytes < sizeof cut_mark ? "" : cut_mark);
            return out;
        }
        memcpy(out + n, piece, bytes);
        n += bytes;
        i += length;
        if (n + sizeof cut_mark <= out_bytes)
            cut = n;
    }
    out[n] = '\0';
    return out;
}
