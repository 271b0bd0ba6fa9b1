/* The parser of tokens held against jansson: the same texts taken, the same values made of them. */
#include "../../plugins/auth/jwt/json.c"
#include "../unit/message/json_mutate.h"

#include <check.h>
#include <time.h>

#define DEPTH         16
#define VALUES        2048
#define MUTANTS       200000
#define LONGEST_RUN_S 4

static bool same(json_t *j, const struct node *n)
{
    double d = json_number_value(j);
    const struct node *item;

    switch (json_typeof(j)) {
    case JSON_NULL:
        return n->kind == NODE_NULL;
    case JSON_TRUE:
        return n->kind == NODE_TRUE;
    case JSON_FALSE:
        return n->kind == NODE_FALSE;
    case JSON_INTEGER:
    case JSON_REAL: /* to the bit */
        return n->kind == NODE_NUMBER && memcmp(&d, &n->number, sizeof d) == 0;
    case JSON_STRING:
        return node_string_bytes(n) == json_string_length(j) && node_string(n) &&
               memcmp(node_string(n), json_string_value(j), n->string.n + 1) == 0;
    case JSON_ARRAY:
        if (n->kind != NODE_LIST || node_count(n) != json_array_size(j))
            return false;
        item = node_first(n);
        for (size_t i = 0; i < json_array_size(j); i++, item = item->next)
            if (!item || !same(json_array_get(j, i), item))
                return false;
        return !item;
    case JSON_OBJECT:
        break;
    }
    if (n->kind != NODE_OBJECT || n->items.count != json_object_size(j))
        return false;
    for (void *at = json_object_iter(j); at; at = json_object_iter_next(j, at)) {
        item = node_get(n, json_object_iter_key(at));
        if (!item || item->key_bytes != json_object_iter_key_len(at) ||
            !same(json_object_iter_value(at), item))
            return false;
    }
    return true;
}

/* Whether both take it; they must agree. In memory of just that size. */
static bool agree(const char *p, size_t n, unsigned depth, unsigned values)
{
    json_t *j = memchr(p, 0, n) ? NULL : json_read(p, n, depth, values);
    char *text = malloc(n + 1), shown[1600];
    struct node *nodes;
    bool taken;

    memcpy(text, p, n);
    text[n] = 0;
    nodes = nodes_parse(text, n, depth, values);
    taken = nodes != NULL;
    ck_assert_msg(taken == (j != NULL) && (!taken || same(j, nodes)), "%s: %s",
                  !j       ? "only we take"
                  : !taken ? "only jansson takes"
                           : "we make other values of",
                  str_printable(str_n(p, n), shown, sizeof shown));
    free(nodes);
    free(text);
    json_decref(j);
    return taken;
}

/* Alone, and as a member: a token is an object. */
static bool agree_in_places(const char *before, parley_str inner, const char *after)
{
    char text[4096];
    int n = snprintf(text, sizeof text, "{\"a\":%s", before);

    ck_assert_uint_lt((size_t)n + inner.n + strlen(after) + 1, sizeof text);
    memcpy(text + n, inner.p, inner.n);
    n += (int)inner.n;
    n += snprintf(text + n, sizeof text - (size_t)n, "%s}", after);
    agree(text + 5, (size_t)n - 6, DEPTH, VALUES);
    return agree(text, (size_t)n, DEPTH, VALUES);
}

START_TEST(agrees_on_a_corpus)
{
    unsigned taken = 0;

    for (size_t i = 0; i < COUNT(corpus_texts); i++) {
        taken += agree_in_places("", corpus_texts[i], "");
        for (size_t n = 0; n <= corpus_texts[i].n; n++)
            agree(corpus_texts[i].p, n, DEPTH, VALUES);
    }
    for (size_t i = 0; i < COUNT(corpus_numbers); i++) {
        taken += agree_in_places("", corpus_numbers[i], "");
        taken += agree_in_places("[", corpus_numbers[i], ",1]");
        agree_in_places("", corpus_numbers[i], ",\"b\":1");
    }
    for (size_t i = 0; i < COUNT(corpus_strings); i++) {
        taken += agree_in_places("\"", corpus_strings[i], "\"");
        agree_in_places("\"", corpus_strings[i], "");
        agree_in_places("{\"", corpus_strings[i], "\":\"x\"}");
        agree_in_places("[\"some text before it ", corpus_strings[i], " and behind it\",1]");
    }
    ck_assert_uint_gt(taken, 50);
}
END_TEST

START_TEST(agrees_on_mutants)
{
    static const char wrap[] = "{\"a\":";
    char p[MUTANT_BYTES + sizeof wrap + 1];
    unsigned taken = 0, done = 0;
    time_t until = time(NULL) + LONGEST_RUN_S;

    random_state = UINT64_C(0x70ce2);
    for (; done < MUTANTS && (done % 1024 != 0 || time(NULL) < until); done++) {
        char *at = p + sizeof wrap - 1;
        size_t n = splice(at, 0, 0, 0, corpus_texts[pick(pick(8) ? 6 : COUNT(corpus_texts))]);
        bool narrow = pick(4) == 0;
        unsigned depth = narrow ? 1 + pick(4) : DEPTH, values = narrow ? 1 + pick(8) : VALUES;

        for (unsigned changes = pick(4); changes > 0; changes--)
            n = mutate(at, n);
        if (pick(2)) {
            memcpy(p, wrap, sizeof wrap - 1);
            at[n++] = '}';
            n += sizeof wrap - 1;
            at = p;
        }
        taken += agree(at, n, depth, values);
    }
    ck_assert_uint_gt(taken, done / 10);
    ck_assert_uint_lt(taken, done / 10 * 8);
}
END_TEST

/* {"k0":0,"k1":1,…}, of which one is spelled as another. */
START_TEST(finds_one_key_that_is_there_twice)
{
    static const unsigned counts[] = {2, 3, FEW - 1, FEW, FEW + 1, 100, VALUES - 1};
    char *text = malloc(VALUES * 16);

    for (size_t i = 0; i < COUNT(counts); i++)
        for (unsigned twice = 0; twice < 4; twice++) {
            unsigned last = counts[i] - 1, from = twice == 1 ? 0 : twice == 2 ? last / 2 : last + 1;
            size_t n = 0;
            for (unsigned k = 0; k <= last; k++)
                n += (size_t)sprintf(text + n, "%c\"k%u\":%u", k ? ',' : '{',
                                     k == last && from < last ? from : k, k);
            n += (size_t)sprintf(text + n, "}");
            ck_assert_msg(agree(text, n, DEPTH, VALUES) == (from >= last), "%u keys, %u twice",
                          counts[i], from);
        }
    free(text);
}
END_TEST

/* Which the comparison does not see: both count by the same hand. */
START_TEST(keeps_its_bounds)
{
    static const char deep[] = "{\"a\":[[[0]]]}", wide[] = "{\"a\":[0,0,\",[\"],\"b\":1}";

    ck_assert(agree(deep, strlen(deep), 4, VALUES));
    ck_assert(!agree(deep, strlen(deep), 3, VALUES));
    ck_assert(agree(wide, strlen(wide), 2, 6)); /* a comma or bracket, and itself */
    ck_assert(!agree(wide, strlen(wide), 2, 5));
}
END_TEST

START_TEST(readers_take_anything)
{
    char text[] = "{\"s\":\"x\",\"n\":1,\"l\":[1,\"y\"],\"o\":{}}";
    struct node *root = nodes_parse(text, strlen(text), DEPTH, VALUES);
    const struct node *o = node_get(root, "o"), *l = node_get(root, "l");

    ck_assert_str_eq(node_string(node_get(root, "s")), "x");
    ck_assert_uint_eq(node_count(l), 2);
    ck_assert_str_eq(node_string(node_first(l)->next), "y");
    ck_assert_ptr_null(node_first(l)->next->next);
    ck_assert_ptr_null(node_get(root, "absent"));
    ck_assert_ptr_null(node_get(NULL, "s"));
    ck_assert_ptr_null(node_get(l, "s"));
    ck_assert_ptr_null(node_get(o, "s"));
    ck_assert_ptr_null(node_first(root));
    ck_assert_ptr_null(node_first(NULL));
    ck_assert_uint_eq(node_count(root) + node_count(NULL) + node_string_bytes(l), 0);
    ck_assert_ptr_null(node_string(node_get(root, "n")));
    ck_assert_ptr_null(node_string(NULL));
    free(root);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("json");
    TCase *c = tcase_create("tokens");
    SRunner *r;
    int failed;

    tcase_add_test(c, agrees_on_a_corpus);
    tcase_add_test(c, agrees_on_mutants);
    tcase_add_test(c, finds_one_key_that_is_there_twice);
    tcase_add_test(c, keeps_its_bounds);
    tcase_add_test(c, readers_take_anything);
    suite_add_tcase(s, c);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
