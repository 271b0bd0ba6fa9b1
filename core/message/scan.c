/* Strings and numbers: checked, unescaped and copied in the same pass.
 *
 * Most bytes that strangers send pass through copy_plain(), eight at a time. UTF-8 is judged where
 * it stands, so that a text is read once.
 */
#include "message/scan.h"

#include "base/ascii.h"

#include <endian.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

/* Bytes of the character at p, which begins with a byte over 0x7f; 0: not valid UTF-8. */
static inline size_t character(const unsigned char *p, const unsigned char *end)
{
    size_t n = (size_t)(end - p);
#define TAIL(i, least, most) (n > (i) && p[i] >= (least) && p[i] <= (most))
    if (p[0] < 0xe0)
        return p[0] >= 0xc2 && TAIL(1, 0x80, 0xbf) ? 2 : 0;
    if (p[0] < 0xf0) /* neither overlong nor a surrogate */
        return TAIL(1, p[0] == 0xe0 ? 0xa0 : 0x80, p[0] == 0xed ? 0x9f : 0xbf) &&
                       TAIL(2, 0x80, 0xbf)
                   ? 3
                   : 0;
    return p[0] < 0xf5 && TAIL(1, p[0] == 0xf0 ? 0x90 : 0x80, p[0] == 0xf4 ? 0x8f : 0xbf) &&
                   TAIL(2, 0x80, 0xbf) && TAIL(3, 0x80, 0xbf)
               ? 4
               : 0;
#undef TAIL
}

static int hex4(const unsigned char *p)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        int c = p[i], lower = c | 0x20;
        if (c >= '0' && c <= '9')
            v = v << 4 | (c - '0');
        else if (lower >= 'a' && lower <= 'f')
            v = v << 4 | (lower - 'a' + 10);
        else
            return -1;
    }
    return v;
}

static char *put_character(char *out, int c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    } else {
        *out++ = (char)(0xf0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3f));
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    }
    return out;
}

/* \uXXXX, or two of them that make one character; *p at the backslash, then behind it all. */
static char *unicode_escape(struct scan *s, const unsigned char **p, char *out)
{
    const unsigned char *at = *p;
    int c = s->end - at < 6 ? -1 : hex4(at + 2);
    if (c <= 0) {
        scan_fail(s, c == 0 ? "a NUL character in a string" : "a bad escape in a string");
        return NULL;
    }
    at += 6;
    if (c >= 0xd800 && c <= 0xdfff) {
        bool pair = c < 0xdc00 && s->end - at >= 6 && at[0] == '\\' && at[1] == 'u';
        int low = pair ? hex4(at + 2) : -1;
        if (low < 0xdc00 || low > 0xdfff) {
            scan_fail(s, "half a surrogate pair in a string");
            return NULL;
        }
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
    }
    *p = at;
    return put_character(out, c);
}

static char *escape(struct scan *s, const unsigned char **p, char *out)
{
    static const char letters[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                      ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    int c = s->end - *p < 2 ? 0 : (*p)[1];
    if (c == 'u')
        return unicode_escape(s, p, out);
    if (letters[c] == 0) {
        scan_fail(s, "a bad escape in a string");
        return NULL;
    }
    *p += 2;
    *out++ = letters[c];
    return out;
}

/* Copies what needs no look, sixteen bytes at a time, and where that ends eight. A byte stops it
 * that is a quote, a backslash, a control, or over 0x7f: in that byte of `stop` the high bit is set
 * (a borrow can set it in later bytes too, but never in an earlier one). */
static inline const unsigned char *copy_plain(const unsigned char *p, const unsigned char *end,
                                              char **out)
{
    while (end - p >= (ptrdiff_t)sizeof(ascii_bytes)) {
        if (ascii_any(ascii_others((const char *)p)))
            break;
        memcpy(*out, p, sizeof(ascii_bytes));
        *out += sizeof(ascii_bytes);
        p += sizeof(ascii_bytes);
    }
    while (end - p >= 8) {
        uint64_t w;
        memcpy(&w, p, sizeof w);
        memcpy(*out, &w, sizeof w);
        w = le64toh(w);
        uint64_t stop = ascii_others8(w);
        size_t n = stop != 0 ? (size_t)__builtin_ctzll(stop) / 8 : 8;
        *out += n;
        p += n;
        if (n < 8)
            return p;
    }
    for (; p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\'; p++)
        *(*out)++ = (char)*p;
    return p;
}

bool scan_string(struct scan *s, const char **ret_p, size_t *ret_n)
{
    const unsigned char *p = s->p;
    char *out = s->out;
    for (;;) {
        p = copy_plain(p, s->end, &out);
        if (p == s->end)
            return scan_fail(s, "a string without an end");
        if (*p == '"')
            break;
        if (*p == '\\') {
            if ((out = escape(s, &p, out)) == NULL)
                return false;
            continue;
        }
        if (*p < 0x20)
            return scan_fail(s, "a control character in a string");
        do { /* a text of such characters stays here */
            size_t n = character(p, s->end);
            if (n == 0)
                return scan_fail(s, "not valid UTF-8");
            for (size_t i = 0; i < n; i++)
                *out++ = (char)*p++;
        } while (p < s->end && *p >= 0x80);
    }
    *out = '\0';
    *ret_p = s->out;
    *ret_n = (size_t)(out - s->out);
    s->out = out + 1;
    s->p = p + 1;
    return true;
}

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static inline bool is_digit(const struct scan *s, const unsigned char *p)
{
    return p < s->end && *p >= '0' && *p <= '9';
}

/* From `first` to p stands what must be a fraction, an exponent, or both. */
static bool read_real(struct scan *s, const unsigned char *first, const unsigned char *p,
                      struct value *v)
{
    bool good = true;
    if (*p == '.') {
        p++;
        good = is_digit(s, p);
        while (is_digit(s, p))
            p++;
    }
    if (good && p < s->end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < s->end && (*p == '+' || *p == '-'))
            p++;
        good = is_digit(s, p);
        while (is_digit(s, p))
            p++;
    }
    /* strtod() needs no copy: a byte follows that ends the number for it as it did for us. The
     * point of another locale, which some library may have set, is none of JSON's. */
    if (!good || p == s->end)
        return scan_fail(s, "a bad number");
    pthread_once(&c_locale_once, make_c_locale);
    v->kind = VALUE_REAL;
    v->d = strtod_l((const char *)first, NULL, c_locale);
    if (isinf(v->d))
        return scan_fail(s, "a number out of range");
    s->p = p;
    return true;
}

bool scan_number(struct scan *s, struct value *v)
{
    const unsigned char *p = s->p;
    bool minus = *p == '-';
    p += minus;
    const unsigned char *first = p;
    uint64_t u = 0;
    if (is_digit(s, p) && *p == '0')
        p++;
    else
        for (; is_digit(s, p); p++)
            u = u * 10 + (uint64_t)(*p - '0');
    if (p == first || p == s->end)
        return scan_fail(s, "a bad number");
    if (*p == '.' || *p == 'e' || *p == 'E')
        return read_real(s, s->p, p, v);
    if (p - first > 19 || u > (uint64_t)INT64_MAX + minus) /* 19 digits fit into u */
        return scan_fail(s, "a number out of range");
    v->kind = VALUE_INT;
    v->i = (int64_t)(minus ? -u : u);
    s->p = p;
    return true;
}

static bool take_word(struct scan *s, const char *word, size_t n)
{
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
        return scan_fail(s, "an unknown word");
    s->p += n;
    return true;
}

bool scan_word(struct scan *s, struct value *v)
{
    v->kind = *s->p == 't' ? VALUE_TRUE : *s->p == 'f' ? VALUE_FALSE : VALUE_NULL;
    return v->kind == VALUE_TRUE    ? take_word(s, "true", 4)
           : v->kind == VALUE_FALSE ? take_word(s, "false", 5)
                                    : take_word(s, "null", 4);
}
