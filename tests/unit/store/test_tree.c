/* store/tree: names that are the beginning of others, whole prefixes, and the same answers as a
 * list of names, whatever is added and taken out. */
#include "base/str.h"
#include "store/tree.h"

#include <check.h>
#include <stdlib.h>

#define NAMES 400

struct name {
    struct tree_leaf leaf;
    bool in;
    char key[24];
};
static struct tree t;
static struct name names[NAMES];
static unsigned seed = 1;

static unsigned chance(unsigned below)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 8) % below;
}

static struct tree_leaf *leaf_of(struct name *n, const char *key)
{
    snprintf(n->key, sizeof n->key, "%s", key);
    n->leaf.key = n->key;
    n->leaf.key_bytes = (uint32_t)strlen(n->key);
    return &n->leaf;
}

static void take_out(void *arg, struct tree_leaf *leaf)
{
    struct name *n = (struct name *)leaf;

    ck_assert(n->in);
    n->in = false;
    if (arg)
        strcat(strcat(arg, n->key), " ");
}

START_TEST(a_name_may_be_the_beginning_of_another)
{
    static const char *const words[] = {"a", "", "abc", "ab", "b", "\xc3\xa9", "\xc3\xa9 1"};
    char seen[100] = "";

    for (int i = 0; i < 7; i++) {
        ck_assert_int_eq(tree_add(&t, leaf_of(&names[i], words[i])), 0);
        names[i].in = true;
    }
    for (int i = 0; i < 7; i++)
        ck_assert_ptr_eq(tree_find(&t, str_of(words[i])), &names[i].leaf);
    ck_assert_int_eq(tree_add(&t, leaf_of(&names[7], "ab")), -EEXIST);
    ck_assert_ptr_null(tree_find(&t, PARLEY_STR("abcd")));
    ck_assert_ptr_null(tree_find(&t, PARLEY_STR("c")));
    tree_remove(&t, &names[3].leaf);
    names[3].in = false;
    ck_assert_ptr_null(tree_find(&t, PARLEY_STR("ab")));
    ck_assert_uint_eq(tree_remove_prefix(&t, PARLEY_STR("abd"), take_out, seen), 0);
    ck_assert_uint_eq(tree_remove_prefix(&t, PARLEY_STR("ab"), take_out, seen), 1);
    ck_assert_uint_eq(tree_remove_prefix(&t, PARLEY_STR("\xc3\xa9"), take_out, seen), 2);
    ck_assert_str_eq(seen, "abc \xc3\xa9 \xc3\xa9 1 ");
    ck_assert_uint_eq(tree_remove_prefix(&t, PARLEY_STR(""), take_out, NULL), 3);
    ck_assert_ptr_null(t.root);
    ck_assert_uint_eq(tree_remove_prefix(&t, PARLEY_STR(""), take_out, NULL), 0);
    ck_assert_ptr_null(tree_find(&t, PARLEY_STR("a")));
}
END_TEST

struct order {
    const char *last;
    size_t count;
};

static void in_order(void *arg, struct tree_leaf *leaf)
{
    struct order *o = arg;

    ck_assert(!o->last || strcmp(o->last, leaf->key) < 0);
    o->last = leaf->key;
    o->count++;
}

static struct name *same(const char *key)
{
    for (int i = 0; i < NAMES; i++)
        if (names[i].in && strcmp(names[i].key, key) == 0)
            return &names[i];
    return NULL;
}

/* Short words of few letters: they share much. */
static void make_word(char word[24])
{
    static const char *const parts[] = {"a",    "b", "vote/", "1", "2", "\xf4\x8f\xbf\xbf",
                                        "\x7f", "/"};
    unsigned n = chance(5);

    word[0] = '\0';
    for (unsigned i = 0; i <= n; i++)
        strcat(word, parts[chance(8)]);
    word[20] = '\0';
}

static size_t count_prefix(const char *word)
{
    size_t n = 0;

    for (int i = 0; i < NAMES; i++)
        n += names[i].in && strncmp(names[i].key, word, strlen(word)) == 0;
    return n;
}

START_TEST(the_same_answers_as_a_list)
{
    for (int step = 0; step < 40000; step++) {
        struct name *n = &names[chance(NAMES)], *known;
        char word[24];

        make_word(word);
        known = same(word);
        ck_assert_ptr_eq(tree_find(&t, str_of(word)), known ? &known->leaf : NULL);
        if (chance(40) == 0) {
            size_t expected = count_prefix(word);

            ck_assert_uint_eq(tree_remove_prefix(&t, str_of(word), take_out, NULL), expected);
        } else if (n->in) {
            if (chance(3) == 0) {
                tree_remove(&t, &n->leaf);
                n->in = false;
            }
        } else {
            ck_assert_int_eq(tree_add(&t, leaf_of(n, word)), known ? -EEXIST : 0);
            n->in = !known;
        }
        if (step % 1000 == 0) {
            struct order o = {NULL, 0};

            tree_each(&t, in_order, &o);
            ck_assert_uint_eq(o.count, count_prefix(""));
        }
    }
    tree_remove_prefix(&t, PARLEY_STR(""), take_out, NULL);
    ck_assert_uint_eq(count_prefix(""), 0);
}
END_TEST

/* Each name the beginning of the next: as deep as it gets. */
START_TEST(as_deep_as_names_are_long)
{
    static struct tree_leaf leaves[510];
    static char text[511];
    size_t n = 0;

    memset(text, 'x', 510);
    for (uint32_t i = 0; i < 510; i++) {
        leaves[i].key = text;
        leaves[i].key_bytes = i + 1;
        ck_assert_int_eq(tree_add(&t, &leaves[i]), 0);
    }
    for (uint32_t i = 0; i < 510; i++)
        ck_assert_ptr_eq(tree_find(&t, str_n(text, i + 1)), &leaves[i]);
    while (t.root && n < 600) {
        struct tree_leaf *leaf = tree_find(&t, str_n(text, 510 - n));

        ck_assert_ptr_nonnull(leaf);
        tree_remove(&t, leaf);
        n++;
    }
    ck_assert_uint_eq(n, 510);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store/tree");
    TCase *c = tcase_create("tree");
    SRunner *r;
    int failed;

    tcase_add_test(c, a_name_may_be_the_beginning_of_another);
    tcase_add_test(c, the_same_answers_as_a_list);
    tcase_add_test(c, as_deep_as_names_are_long);
    suite_add_tcase(suite, c);
    r = srunner_create(suite);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
