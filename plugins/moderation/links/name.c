/* Domains in text, as people write them: with and without a scheme, in capitals, wide, with dots of
 * China, percent signs, zero width characters, [.] and a password in front.
 *
 * Letters of other alphabets stay what they are: nothing is translated to xn-- or back, and nothing
 * that only looks alike is taken for the same. Text is valid UTF-8 and ends with a 0.
 */
#include "name.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SPACES         " \t\r\n"
#define AUTHORITY_ENDS "/\\?#\"<>" SPACES

/* A character as resolvers take it; ' ' for what no name has, 0 for what cannot be seen. */
static uint32_t read_character(const char *p, size_t *ret_bytes)
{
    unsigned first = (unsigned char)*p;
    uint32_t c = first < 0x80 ? first : first & (first < 0xe0 ? 0x1f : first < 0xf0 ? 0xf : 7);
    size_t n = 1;

    while (first && (p[n] & 0xc0) == 0x80)
        c = c << 6 | (p[n++] & 0x3fu);
    *ret_bytes = n;
    if (c >= 0xff01 && c <= 0xff5e) /* wide */
        c -= 0xfee0;
    if (c == 0x3002 || c == 0xff61) /* full stops of China and Japan */
        return '.';
    if (c < 0x80)
        return isalnum((int)c) ? (uint32_t)tolower((int)c) : c && strchr("-_.", (int)c) ? c : ' ';
    if (c == 0xad || c == 0x34f || (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
        (c >= 0x2060 && c <= 0x206f) || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff || c >= 0xe0000)
        return 0;
    if (c < 0xc0 || c == 0xd7 || c == 0xf7 || (c >= 0x2000 && c <= 0x206f) ||
        (c >= 0x3000 && c <= 0x301f) || (c >= 0xff5f && c <= 0xff65) || c == 0xfffd)
        return ' ';
    return c;
}

/* What stands for one character: %2E in a URL, [.] and (dot) anywhere. 0: nothing does. */
static size_t read_disguise(const char *p, bool in_url, bool defanged, uint32_t *ret_c)
{
    static const char *const dots[] = {"[.]", "(.)", "[dot]", "(dot)"};
    char byte[3] = {0};
    size_t n;

    for (size_t i = 0; defanged && i < sizeof dots / sizeof *dots; i++)
        if (strncasecmp(p, dots[i], strlen(dots[i])) == 0) {
            *ret_c = '.';
            return strlen(dots[i]);
        }
    if (!in_url || *p != '%' || !isxdigit((unsigned char)p[1]) || !isxdigit((unsigned char)p[2]))
        return 0;
    memcpy(byte, p + 1, 2);
    n = strtoul(byte, NULL, 16);
    *ret_c = n < 0x80 ? read_character((char[]){(char)n, 0}, &n) : ' ';
    return 3;
}

size_t name_read(const char *p, bool in_url, bool defanged, struct name *ret)
{
    size_t end = 0, n = 0, bytes;
    int was = 0; /* of the letters in this label: 1 Latin and near it, 2 far from it */
    char last = '.';

    for (size_t i = 0; p[i]; i += bytes) {
        size_t written;
        uint32_t c;
        int kind;

        bytes = read_disguise(p + i, in_url, defanged, &c);
        if (!bytes)
            c = read_character(p + i, &bytes);
        kind = c < 0x80 ? c >= 'a' && c <= 'z' : c < 0x530 ? 1 : 2;
        if (c == ' ' || (kind && was && kind != was) || (c == '.' && last == '.'))
            break;
        if (c == 0)
            continue;
        was = c == '.' ? 0 : kind ? kind : was;
        last = c < 0x80 ? (char)c : 'x';
        written = c < 0x80 ? 1 : bytes;
        if (n + written < sizeof ret->s)
            memcpy(ret->s + n, c < 0x80 ? &last : p + i, written);
        n = n + written < sizeof ret->s ? n + written : sizeof ret->s;
        end = c == '.' ? end : i + bytes;
    }
    ret->n = n == sizeof ret->s ? 0 : n && last == '.' ? n - 1 : n;
    return end;
}

/* Whether a path or a port follows. */
static bool goes_on(const char *behind)
{
    return *behind == ':' ? isdigit((unsigned char)behind[1]) != 0
                          : *behind && strchr("/\\?#", *behind);
}

/* What follows a bare name says whether it is one; so does how it ends. */
static bool is_link(const struct name_search *f)
{
    const char *behind = f->text + f->to, *ending = f->name.s + f->name.n;
    size_t n = 0;

    while (ending > f->name.s && ending[-1] != '.')
        ending--, n++;
    if (f->in_url || n < 2 || isdigit((unsigned char)*ending) ||
        (behind[0] == '@' && (isalnum((unsigned char)behind[1]) || behind[1] & 0x80)))
        return false;
    for (size_t i = 0; i < f->endings.n; i++)
        if (f->endings.items[i].n == n && memcmp(f->endings.items[i].p, ending, n) == 0)
            return true;
    return n == 2 || *ending & 0x80 || strncmp(ending, "xn--", 4) == 0 ||
           strncmp(f->name.s, "www.", 4) == 0 || goes_on(behind);
}

static bool found(struct name_search *f, size_t from, size_t bytes)
{
    const char *behind;

    f->from = from;
    f->name_at = f->at;
    f->to = f->at += bytes;
    behind = f->text + f->to;
    f->end = f->to + (goes_on(behind) ? strcspn(behind, SPACES) : 0);
    return true;
}

/* Notes where its name is: behind the last @ of what comes before the path. What is before that @
 * is looked at as any other text, since white space of other scripts may end the link there. */
static size_t begin_url(struct name_search *f, const char *p, size_t from)
{
    size_t slashes = 3 + strspn(p + 3, "/\\"), n = slashes + strcspn(p + slashes, AUTHORITY_ENDS);

    if (n == slashes)
        return 0;
    while (n > slashes && p[n - 1] != '@')
        n--;
    f->host = p + n;
    f->url = from;
    f->in_url = false;
    return slashes;
}

bool name_next(struct name_search *f)
{
    size_t word = f->at, word_end = f->at, n;

    for (; f->text[f->at]; f->at += n) {
        const char *p = f->text + f->at;
        bool host = p == f->host;

        if (strncmp(p, "://", 3) == 0 && (n = begin_url(f, p, word_end == f->at ? word : f->at)))
            continue;
        n = name_read(p, host, f->defanged, &f->name);
        if (host) {
            f->host = NULL;
            f->in_url = f->sure = true;
            if (p[n] == '%') /* browsers call it no URL; others may go elsewhere */
                f->name.n = 0;
            return found(f, f->url, n ? n : strcspn(p, AUTHORITY_ENDS));
        }
        if (n && memchr(f->name.s, '.', f->name.n)) {
            f->to = f->at + n;
            f->sure = is_link(f);
            f->in_url |= goes_on(p + n);
            return found(f, f->at, n);
        }
        word = f->at;
        word_end = f->at + n;
        if (n == 0) {
            read_character(p, &n);
            f->in_url &= !strchr(SPACES, *p) && !(*p & 0x80);
        }
    }
    return false;
}
