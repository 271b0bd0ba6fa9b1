/* The set of domains: from the options and files to two trees of names, and what they say of one.
 *
 * Names and entries are spelt by the same function, so that no way of writing makes the two differ.
 */
#define _GNU_SOURCE /* tdestroy, inet_aton */
#include "domains.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <libpsl.h>
#include <search.h>
#include <stdlib.h>
#include <unicode/uchar.h>

#define LINE_BYTES (4 * DOMAINS_NAME_BYTES)
/* Of a name as it is written. ICU takes a time that grows with the square of it. */
#define RAW_BYTES (4 * DOMAINS_NAME_BYTES)
/* What browsers do not mind. */
#define NO_ERRORS                                                                         \
    (UIDNA_ERROR_EMPTY_LABEL | UIDNA_ERROR_LEADING_HYPHEN | UIDNA_ERROR_TRAILING_HYPHEN | \
     UIDNA_ERROR_HYPHEN_3_4)

/* --- the spelling --- */

static bool is_invisible(UChar32 c)
{
    return c >= 0x80 && (u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) ||
                         u_charType(c) == U_FORMAT_CHAR);
}

/* A hyphen, a low line or a dot, also those that become one. */
static bool is_edge(UChar32 c)
{
    return c == '-' || c == '_' || c == '.' || c == 0x3002 || c == 0xfe63 || c == 0xff0d ||
           c == 0xff0e || c == 0xff3f || c == 0xff61 || (c >= 0xfe33 && c <= 0xfe34) ||
           (c >= 0xfe4d && c <= 0xfe4f);
}

/* The byte that is written at *i, which moves on. */
static char next_byte(const char *p, size_t *i)
{
    const char *s = p + *i;

    if (*s == '%' && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2])) {
        *i += 3;
        return (char)strtoul((const char[]){s[1], s[2], 0}, NULL, 16);
    }
    *i += 1;
    if (*s != '[' && *s != '(')
        return *s;
    *i += strcspn(s, "])"); /* around a dot */
    return '.';
}

/* Invisible characters are no part of a name, nor hyphens at its ends, which may be emphasis; they
 * take no room. How many bytes there are, or -ENOSPC; 0 of what is no text. */
static int32_t unwrap(const char *p, size_t bytes, char raw[RAW_BYTES])
{
    int32_t n = 0, end = 0;

    for (size_t i = 0; i < bytes;) {
        char s[U8_MAX_LENGTH];
        int32_t length = 0, at = 0;
        UChar32 c;

        do
            s[length++] = next_byte(p, &i);
        while (i < bytes && length <= U8_COUNT_TRAIL_BYTES(s[0]));
        U8_NEXT(s, at, length, c);
        if (c < 0)
            return 0;
        if (is_invisible(c) || (n == 0 && is_edge(c)))
            continue;
        if (n + length <= RAW_BYTES) {
            memcpy(raw + n, s, (size_t)length);
            n += length;
        } else if (is_edge(c)) {
            n = RAW_BYTES; /* what follows it has no room either */
        } else {
            return -ENOSPC;
        }
        if (!is_edge(c))
            end = n;
    }
    return end;
}

/* xn-- for what is not ASCII, four numbers for an address that is one number. */
void domains_spell(struct domains *d, const char *p, size_t bytes)
{
    char raw[RAW_BYTES];
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    UErrorCode e = U_ZERO_ERROR;
    struct in_addr address;
    int32_t n = unwrap(p, bytes, raw);

    d->too_long = n < 0;
    d->name[0] = 0;
    if (n <= 0)
        return;
    n = uidna_nameToASCII_UTF8(d->idna, raw, n, d->name, DOMAINS_NAME_BYTES, &info, &e);
    if (U_FAILURE(e) || info.errors & ~(uint32_t)NO_ERRORS || n >= DOMAINS_NAME_BYTES)
        n = 0;
    while (n && d->name[n - 1] == '.') /* the root, which all names are below */
        n--;
    d->name[n] = 0;
    if (strspn(d->name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != (size_t)n)
        d->name[0] = 0; /* there was a 0 in it, too */
    if (isdigit((unsigned char)d->name[0]) && inet_aton(d->name, &address))
        inet_ntop(AF_INET, &address, d->name, DOMAINS_NAME_BYTES);
}

/* --- the lists --- */

static int by_name(const void *a, const void *b)
{
    return strcmp((const char *)a, (const char *)b);
}

static int add(parley_host *h, struct domains *d, const char *option, const char *where,
               const char *entry)
{
    void **mine = option[0] == 'a' ? &d->allow : &d->deny, **entered;
    char *name;

    domains_spell(d, entry, strlen(entry));
    if (!d->name[0] || strstr(d->name, ".."))
        return parley_bad_option(h, option, "%s'%.80s' is no domain name", where, entry);
    if (tfind(d->name, mine == &d->allow ? &d->deny : &d->allow, by_name))
        return parley_bad_option(h, option, "%s'%.80s' is both allowed and denied", where, entry);
    name = strdup(d->name);
    entered = name ? (void **)tsearch(name, mine, by_name) : NULL;
    if (!entered || *entered != name) /* no memory, or there already */
        free(name);
    return entered ? 0 : -ENOMEM;
}

static int add_file(parley_host *h, struct domains *d, const char *option, const char *path)
{
    char line[LINE_BYTES], where[300];
    int number = 0, r = 0;
    FILE *f = fopen(path, "r");

    while (f && r == 0 && fgets(line, sizeof line, f)) {
        snprintf(where, sizeof where, "%s:%d: ", path, ++number);
        line[strcspn(line, "#")] = 0;
        for (size_t n = strlen(line); n && isspace((unsigned char)line[n - 1]); n--)
            line[n - 1] = 0;
        if (*line)
            r = add(h, d, option, where, line + strspn(line, " \t"));
    }
    if (!f || ferror(f))
        r = parley_bad_option(h, option, "'%s' cannot be read", path);
    if (f)
        fclose(f);
    return r;
}

static int add_all(parley_host *h, struct domains *d, const char *option, parley_list list)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < list.n; i++)
        r = list.items[i].p[0] == '/' ? add_file(h, d, option, list.items[i].p)
                                      : add(h, d, option, "", list.items[i].p);
    return r;
}

int domains_read(parley_host *h, struct domains *d, parley_list allow, parley_list deny)
{
    UErrorCode e = U_ZERO_ERROR;
    int r;

    d->idna = uidna_openUTS46(UIDNA_NONTRANSITIONAL_TO_ASCII, &e);
    if (U_FAILURE(e) || !psl_builtin())
        return -ENOMEM;
    r = add_all(h, d, "allow", allow);
    return r < 0 ? r : add_all(h, d, "deny", deny);
}

void domains_finish(struct domains *d)
{
    tdestroy(d->allow, free);
    tdestroy(d->deny, free);
    uidna_close(d->idna);
}

enum domains_listed domains_look_up(const struct domains *d)
{
    for (const char *p = d->name; *p; p += *p == '.') {
        if (tfind(p, &d->allow, by_name))
            return DOMAINS_ALLOWED;
        if (tfind(p, &d->deny, by_name))
            return DOMAINS_DENIED;
        p += strcspn(p, ".");
    }
    return DOMAINS_UNLISTED;
}

/* Of xn-- names too: the list has them in that spelling. */
bool domains_has_ending(const struct domains *d)
{
    const char *dot = strrchr(d->name, '.'), *ending = dot ? dot + 1 : d->name;

    return *ending &&
           psl_is_public_suffix2(psl_builtin(), ending, PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE);
}
