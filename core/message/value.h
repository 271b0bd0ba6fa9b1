/* JSON that came in, as plugins read it: a tree in an arena, made by one strict pass over the text.
 *
 * Accepts exactly the objects and arrays that jansson accepts with JSON_REJECT_DUPLICATES, within
 * the bounds given: valid UTF-8, no NUL in strings or keys, no duplicate keys, integers within
 * int64 (jansson refuses larger ones), reals finite, nothing after the end. One thing it refuses
 * that jansson 2.14 lets pass: a NUL byte behind a number or a word, "[1\0]", which no parley_str
 * may hold. Strings are unescaped, followed by a 0. A value is immutable and readable from any
 * thread.
 */
#ifndef MESSAGE_VALUE_H
#define MESSAGE_VALUE_H
#include "base/arena.h"

#include <parley/plugin.h>

enum value_kind {
    VALUE_NULL,
    VALUE_FALSE,
    VALUE_TRUE,
    VALUE_INT,
    VALUE_REAL,
    VALUE_STRING,
    VALUE_LIST,
    VALUE_OBJECT
};
struct value {
    struct parley_value pub; /* first: what a plugin holds is a pointer to this */
    uint8_t kind;            /* enum value_kind */
    uint32_t count;          /* items or members */
    uint32_t key_bytes;
    const char *key; /* as a member of an object; else NULL */
    union {
        int64_t i;
        double d;
        struct {
            const char *p;
            size_t n;
        } s;
        const struct value *items; /* `count` of them, contiguous */
    };
};
/* @param depth, tokens  Bounds: nesting (an object of scalars is 1), and values in all, keys not
 * counted.
 * @param ret_why        Set on failure to a constant sentence ("duplicate key", "too deep"), for
 * people.
 * @retval 0  @retval -EINVAL Not JSON, or past a bound.  @retval -ENOMEM
 * [any] O(n). `text` may go away afterwards. */
int value_parse(struct arena *a, parley_str text, unsigned depth, unsigned tokens,
                const struct value **ret, const char **ret_why);
/* The readers behind parley_get() and its kin. An explicit null reads as a value of kind NULL;
 * getters by key give it as it is. */
const parley_value *value_get(const parley_value *v,
                              const char *key); /* of an object; NULL: no such member */
const parley_value *value_at(const parley_value *v, size_t i);
parley_str value_key(const parley_value *v);
size_t value_length(const parley_value *v);     /* of lists and objects; else 0 */
parley_str value_as_str(const parley_value *v); /* strings only; else absent */
int64_t value_as_int(const parley_value *v,
                     int64_t otherwise); /* integers; reals that are whole and fit */
double value_as_number(const parley_value *v, double otherwise);
bool value_as_bool(const parley_value *v, bool otherwise);
/* value_get() for a key that is a part of a longer text. */
const struct value *value_member(const struct value *v, parley_str key);
static inline const struct value *value_of(const parley_value *v)
{
    return (const struct value *)v;
}
/* The one table that all values point to; plugin/api.c defines it. */
extern const parley_api parley_host_api;
#endif
