/* Small helpers over parley_str and C strings. Knows nothing of chat. */
#ifndef BASE_STR_H
#define BASE_STR_H
#include <parley/base.h>

parley_str str_of(const char *s); /* NULL gives PARLEY_NONE */
parley_str str_n(const char *p, size_t n);
bool str_eq(parley_str a, parley_str b); /* absent equals only absent */
bool str_is(parley_str a, const char *literal);
int str_casecmp(parley_str a, parley_str b);  /* ASCII case only, as channel names compare */
parley_str str_trim(parley_str s);            /* of ASCII space and tab */
char *str_dup(parley_str s);                  /* free(); NULL: no memory. Absent gives "" */
bool str_valid_utf8(const char *p, size_t n); /* no overlong forms, surrogates, or above U+10FFFF */
size_t str_codepoints(parley_str s);          /* of valid UTF-8 */
bool str_list_has(const char *list, parley_str name); /* "a, b, c" */
uint64_t str_hash(parley_str s); /* xxh3, seeded once a process: for tables, not for files */
uint64_t str_hash_nocase(parley_str s);
/* "Did you mean": at most 2 edits (1 for words up to four letters) in any case, or NULL. */
const char *str_closest(const char *word, const char *const *among, size_t n);
/* Prints s into out for a log or a message to people: controls, DEL, C1, bidi controls and bad
 * UTF-8 as \xNN or \u{NNNN}; cut with "..." at out_bytes. Returns out. */
char *str_printable(parley_str s, char *out, size_t out_bytes);
bool str_random(void *p, size_t n); /* getrandom */
#define AUTO(destroy) __attribute__((cleanup(destroy)))
void str_free(char **p); /* for AUTO(str_free) char *x */
#endif
