/* Sets: what was added is found, whatever else came and went; chains stay short. */
#include "base/set.h"
#include "base/str.h"

#include <check.h>
#include <stdlib.h>

#define MEMBERS 5000
struct member {
    struct set_link link;
    char name[16];
    bool visited;
};
static struct member members[MEMBERS];
static struct set set;

static parley_str key(const struct set_link *l)
{
    return str_of(((const struct member *)l)->name);
}

static void setup(void)
{
    set = (struct set){.key = key};
    for (int i = 0; i < MEMBERS; i++) {
        members[i] = (struct member){0};
        snprintf(members[i].name, sizeof members[i].name, "u%d", i);
    }
}

static void teardown(void)
{
    set_finish(&set);
}

static bool has(int i)
{
    struct set_link *l = set_find(&set, str_of(members[i].name));

    ck_assert(!l || l == &members[i].link);
    return l;
}

START_TEST(those_are_in_that_were_added)
{
    ck_assert(!has(0)); /* of an empty one too */
    for (int i = 0; i < MEMBERS; i++) {
        ck_assert(!has(i));
        ck_assert_int_eq(set_add(&set, &members[i].link), 0);
        ck_assert(has(i));
        ck_assert(has(i / 2));
    }
    for (int i = 0; i < MEMBERS; i += 2)
        set_remove(&set, &members[i].link);
    ck_assert_uint_eq(set.count, MEMBERS / 2);
    for (int i = 0; i < MEMBERS; i++)
        ck_assert(has(i) == (i % 2 == 1));
    ck_assert_ptr_null(set_find(&set, PARLEY_STR("u")));
    ck_assert_ptr_null(set_find(&set, PARLEY_NONE));
}
END_TEST

START_TEST(chains_stay_short)
{
    size_t longest = 0;

    for (int i = 0; i < MEMBERS; i++)
        ck_assert_int_eq(set_add(&set, &members[i].link), 0);
    ck_assert_uint_le(set.bucket_count, MEMBERS); /* 8 bytes a member at most */
    for (size_t i = 0; i < set.bucket_count; i++) {
        size_t n = 0;

        for (struct set_link *l = set.buckets[i]; l; l = l->next)
            n++;
        longest = n > longest ? n : longest;
    }
    ck_assert_uint_lt(longest, 20);
}
END_TEST

static void visit_and_leave(void *arg, struct set_link *l)
{
    struct member *m = (struct member *)l;

    ck_assert(!m->visited);
    m->visited = true;
    ++*(int *)arg;
    if (m->name[1] != '1') {
        set_remove(&set, l);
        memset(l, 0xff, sizeof *l); /* as if it had been freed */
    }
}

START_TEST(each_is_visited_once_even_if_it_goes)
{
    int visited = 0, ones = 0;

    for (int i = 0; i < MEMBERS; i++)
        ck_assert_int_eq(set_add(&set, &members[i].link), 0);
    set_each(&set, visit_and_leave, &visited);
    ck_assert_int_eq(visited, MEMBERS);
    for (int i = 0; i < MEMBERS; i++)
        ones += has(i);
    ck_assert_uint_eq(set.count, (size_t)ones);
    ck_assert_int_eq(ones, 1111);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/set");
    TCase *t = tcase_create("set");
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, those_are_in_that_were_added);
    tcase_add_test(t, chains_stay_short);
    tcase_add_test(t, each_is_visited_once_even_if_it_goes);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
