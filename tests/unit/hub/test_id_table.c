/* The table of ids against a plain list, which does the same slowly. */
#include "base/str.h"
#include "hub/id_table.h"

#include <check.h>
#include <stdlib.h>

#define ENTRIES 3000 /* that the list holds at most: some blocks full */
#define STEPS   60000

struct entry {
    uint64_t user;
    char id[ID_TABLE_ID_BYTES + 1];
    int64_t since_ms, mark;
};
static struct entry list[ENTRIES];
static size_t count;
static struct id_table *t;
static uint64_t random_state;

static uint32_t pick(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % below;
}

static void setup(void)
{
    t = id_table_new();
    ck_assert_ptr_nonnull(t);
    count = 0;
    random_state = UINT64_C(0x5eed0123456789ab);
}

static void teardown(void)
{
    id_table_free(t);
}

static struct id_record *find(uint64_t user, const char *id)
{
    return id_table_find(t, user, str_of(id));
}

static struct id_record *add(uint64_t user, const char *id, int64_t since_ms)
{
    return id_table_add(t, user, str_of(id), since_ms);
}

START_TEST(found_by_user_and_id)
{
    struct id_record *r = add(1, "x", 5);

    ck_assert_ptr_nonnull(r);
    ck_assert_int_eq(r->since_ms, 5);
    ck_assert_int_eq(r->cache_id + r->offset + r->code + r->settled, 0);
    ck_assert_ptr_null(r->more);
    ck_assert_ptr_eq(find(1, "x"), r);
    ck_assert_ptr_null(find(2, "x"));
    ck_assert_ptr_null(find(1, "xx"));
    ck_assert_ptr_null(find(1, ""));
    ck_assert_ptr_nonnull(add(1, "", 5));
    ck_assert_ptr_nonnull(find(1, ""));
    ck_assert_ptr_eq(id_table_oldest(t), r);
    ck_assert_uint_eq(id_table_count(t), 2);
}
END_TEST

START_TEST(too_long_is_none)
{
    char id[ID_TABLE_ID_BYTES + 2];

    memset(id, 'i', sizeof id);
    id[ID_TABLE_ID_BYTES + 1] = 0;
    ck_assert_ptr_null(add(1, id, 0));
    id[ID_TABLE_ID_BYTES] = 0;
    ck_assert_ptr_nonnull(add(1, id, 0));
    ck_assert_ptr_nonnull(find(1, id));
}
END_TEST

/* As often as one likes: what was added last and forgotten takes nothing. */
START_TEST(the_newest_gives_its_memory_back)
{
    char id[32];

    add(1, "stays", 0);
    for (int i = 0; i < 100000; i++) {
        size_t bytes = id_table_bytes(t);

        snprintf(id, sizeof id, "gone %d", i);
        id_table_forget(t, add(1, id, i));
        ck_assert_uint_eq(id_table_bytes(t), bytes);
        ck_assert_ptr_null(find(1, id));
    }
    ck_assert_ptr_nonnull(find(1, "stays"));
    id_table_forget(t, find(1, "stays"));
    ck_assert_uint_eq(id_table_bytes(t), 0);
    ck_assert_ptr_null(id_table_oldest(t));
    ck_assert_ptr_nonnull(add(1, "again", 0));
}
END_TEST

/* One behind it: then the memory comes back in its turn. */
START_TEST(others_give_it_back_in_their_turn)
{
    struct id_record *first = add(1, "first", 0), *second = add(1, "second", 0);
    size_t bytes = id_table_bytes(t);

    add(1, "third", 0);
    id_table_forget(t, second);
    ck_assert_ptr_null(find(1, "second"));
    ck_assert_ptr_nonnull(find(1, "third"));
    ck_assert_uint_eq(id_table_count(t), 2);
    ck_assert_uint_ge(id_table_bytes(t), bytes);
    id_table_forget(t, first);
    ck_assert_ptr_eq(id_table_oldest(t), find(1, "third"));
    ck_assert_uint_lt(id_table_bytes(t), bytes);
}
END_TEST

START_TEST(what_is_kept_with_it_is_counted)
{
    struct id_record *r = add(1, "x", 0);
    size_t bytes = id_table_bytes(t);

    id_table_set_more(t, r, malloc(100), 100);
    ck_assert_uint_eq(id_table_bytes(t), bytes + 100);
    id_table_set_more(t, r, malloc(10), 10);
    ck_assert_uint_eq(id_table_bytes(t), bytes + 10);
    id_table_forget(t, r);
    ck_assert_uint_eq(id_table_bytes(t), 0);
    r = add(1, "y", 0);
    id_table_set_more(t, r, malloc(10), 10); /* freed with the table */
}
END_TEST

static size_t in_list(uint64_t user, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].user == user && strcmp(list[i].id, id) == 0)
            return i;
    return ENTRIES;
}

static void drop(size_t i)
{
    struct id_record *r = find(list[i].user, list[i].id);

    ck_assert_ptr_nonnull(r);
    ck_assert_int_eq(r->cache_id, list[i].mark);
    ck_assert_int_eq(r->since_ms, list[i].since_ms);
    id_table_forget(t, r);
    memmove(&list[i], &list[i + 1], (count - i - 1) * sizeof *list);
    count--;
}

static void step(int64_t now)
{
    struct entry e = {.user = pick(3), .since_ms = now, .mark = now};
    uint32_t number = pick(4000);
    const struct id_record *r;

    memset(e.id, 'x', number % ID_TABLE_ID_BYTES); /* of every length */
    snprintf(e.id + number % (ID_TABLE_ID_BYTES - 4), 5, "%u", number);
    switch (count < 10 ? 5 : pick(12)) {
    case 0:
        drop(pick((uint32_t)count));
        return;
    case 1:
        drop(count - 1);
        return;
    case 2:
    case 3:
        drop(0);
        return;
    default:
        break;
    }
    r = find(e.user, e.id);
    if (r) {
        size_t i = in_list(e.user, e.id);

        ck_assert_uint_lt(i, count);
        ck_assert_int_eq(r->cache_id, list[i].mark);
        return;
    }
    if (count == ENTRIES)
        drop(0);
    ck_assert_uint_eq(in_list(e.user, e.id), ENTRIES);
    struct id_record *added = id_table_add(t, e.user, str_of(e.id), now);
    ck_assert_ptr_nonnull(added);
    added->cache_id = e.mark;
    list[count++] = e;
}

START_TEST(as_a_list_would_do_it)
{
    for (int64_t now = 1; now <= STEPS; now++) {
        const struct id_record *oldest;

        step(now);
        ck_assert_uint_eq(id_table_count(t), count);
        oldest = id_table_oldest(t);
        ck_assert(count == 0 ? !oldest : oldest && oldest->cache_id == list[0].mark);
    }
    ck_assert_uint_gt(count, ENTRIES / 3);
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(find(list[i].user, list[i].id)->cache_id, list[i].mark);
    while (count)
        drop(0);
    ck_assert_uint_eq(id_table_bytes(t), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("id_table");
    TCase *tc = tcase_create("id_table");
    SRunner *r;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, found_by_user_and_id);
    tcase_add_test(tc, too_long_is_none);
    tcase_add_test(tc, the_newest_gives_its_memory_back);
    tcase_add_test(tc, others_give_it_back_in_their_turn);
    tcase_add_test(tc, what_is_kept_with_it_is_counted);
    tcase_add_test(tc, as_a_list_would_do_it);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
