/* value_parse() held against jansson: the same texts accepted, the same values made of them.
 *
 * For the unit test and the fuzz target. The text is parsed from a heap copy of its exact size,
 * which is then overwritten and freed: nothing may be read past its end or kept from it.
 */
#ifndef TEST_JSON_SAME_H
#define TEST_JSON_SAME_H
#include "message/value.h"

#include <jansson.h>
#include <stdlib.h>

/* v must lie where its parent says; this is about what it is. */
static bool same_value(json_t *j, const struct value *v)
{
    if (v->pub.api != &parley_host_api)
        return false;
    switch (json_typeof(j)) {
    case JSON_NULL:
        return v->kind == VALUE_NULL && v->count == 0;
    case JSON_TRUE:
        return v->kind == VALUE_TRUE && v->count == 0;
    case JSON_FALSE:
        return v->kind == VALUE_FALSE && v->count == 0;
    case JSON_INTEGER:
        return v->kind == VALUE_INT && v->count == 0 && v->i == json_integer_value(j);
    case JSON_REAL: {
        double d = json_real_value(j); /* to the bit: -0.0 too */
        return v->kind == VALUE_REAL && v->count == 0 && memcmp(&d, &v->d, sizeof d) == 0;
    }
    case JSON_STRING:
        return v->kind == VALUE_STRING && v->count == 0 && v->s.n == json_string_length(j) &&
               memcmp(v->s.p, json_string_value(j), v->s.n + 1) == 0;
    case JSON_ARRAY:
        if (v->kind != VALUE_LIST || v->count != json_array_size(j))
            return false;
        for (uint32_t i = 0; i < v->count; i++)
            if (v->items[i].key != NULL || !same_value(json_array_get(j, i), &v->items[i]))
                return false;
        return true;
    case JSON_OBJECT:
        break;
    }
    if (v->kind != VALUE_OBJECT || v->count != json_object_size(j))
        return false;
    const struct value *member = v->items;
    for (void *at = json_object_iter(j); at != NULL; at = json_object_iter_next(j, at), member++) {
        size_t n = json_object_iter_key_len(at);
        if (member->key_bytes != n || memcmp(member->key, json_object_iter_key(at), n) != 0 ||
            member->key[n] != '\0' || !same_value(json_object_iter_value(at), member))
            return false;
    }
    return true;
}

/* How deep, and in *ret_count how many values. */
static unsigned measure(json_t *j, unsigned *ret_count)
{
    unsigned deepest = 0;
    ++*ret_count;
    if (!json_is_object(j) && !json_is_array(j))
        return 0;
    for (size_t i = 0; i < json_array_size(j); i++) {
        unsigned d = measure(json_array_get(j, i), ret_count);
        deepest = d > deepest ? d : deepest;
    }
    for (void *at = json_object_iter(j); at != NULL; at = json_object_iter_next(j, at)) {
        unsigned d = measure(json_object_iter_value(at), ret_count);
        deepest = d > deepest ? d : deepest;
    }
    return deepest + 1;
}

/* NULL: both agree. *ret_accepted, if given: whether the text is JSON within the bounds. */
static const char *json_same(const char *text, size_t n, unsigned depth, unsigned tokens,
                             bool *ret_accepted)
{
    unsigned count = 0;
    struct arena arena;
    const struct value *v = NULL;
    const char *why = NULL, *problem = NULL;
    json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    /* jansson swallows one NUL byte behind a number or a word; a parley_str has none. */
    bool expected =
        j != NULL && memchr(text, 0, n) == NULL && measure(j, &count) <= depth && count <= tokens;
    char *copy = malloc(n > 0 ? n : 1);
    if (copy == NULL)
        abort();
    memcpy(copy, text, n);
    arena_init(&arena, 1024);
    int r = value_parse(&arena, (parley_str){copy, n}, depth, tokens, &v, &why);
    memset(copy, 0xaa, n);
    free(copy);
    if (expected && r != 0)
        problem = "refused what jansson accepts";
    else if (!expected && r == 0)
        problem = "accepted what jansson refuses";
    else if (r != 0 && (r != -EINVAL || v != NULL || why == NULL))
        problem = "refused in the wrong way";
    else if (r == 0 && (why != NULL || v == NULL || v->key != NULL || !same_value(j, v)))
        problem = "made other values than jansson";
    arena_finish(&arena);
    json_decref(j);
    if (ret_accepted != NULL)
        *ret_accepted = r == 0;
    return problem;
}
#endif
