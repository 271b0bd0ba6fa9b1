/* store/store: what plugins can do, by the words of the SDK's header; with a file, then without. */
#include "store_test.h"

static bool with_file;

static void start(void)
{
    make_folder();
    open_store(with_file ? file : NULL);
}

static void start_with_file(void)
{
    with_file = true;
    start();
}

static void stop(void)
{
    close_store();
    remove_folder();
}

/* What a restart leaves; without a file there is none to be had. */
static void reopen(void)
{
    if (!with_file) {
        store_end(s);
        return;
    }
    close_store();
    open_store(file);
}

START_TEST(members_replace_or_join)
{
    ck_assert_ptr_null(store_get(x, "poll/1"));
    ck_assert_int_eq(put(x, "poll/1", "a", "1"), 0);
    ck_assert_int_eq(put(x, "poll/1", "b", "two"), 0);
    ck_assert_int_eq(put(x, "poll/1", "a", "3"), 0);
    ck_assert_str_eq(json(x, "poll/1"), "{\"a\":3,\"b\":\"two\"}");
    reopen();
    ck_assert_str_eq(json(x, "poll/1"), "{\"a\":3,\"b\":\"two\"}");
    ck_assert_int_eq(put(x, "poll/1", "c", ""), 0);
    ck_assert_str_eq(json(x, "poll/1"), "{\"a\":3,\"b\":\"two\",\"c\":\"\"}");
}
END_TEST

START_TEST(integers_are_summed)
{
    ck_assert_int_eq(store_add(x, 5, "n"), 5);
    ck_assert_int_eq(store_add(x, -7, "n"), -2);
    ck_assert_str_eq(json(x, "n"), "-2");
    reopen();
    ck_assert_int_eq(parley_as_int(store_get(x, "n"), 0), -2);
    ck_assert_int_eq(store_add(x, INT64_MAX, "n"), INT64_MAX - 2);
    ck_assert_int_eq(store_add(x, 3, "n"), -ERANGE);
    ck_assert_int_eq(store_add(x, 2, "n"), INT64_MAX);
    ck_assert_int_eq(put(x, "n", "a", "1"), 0); /* an integer gives way */
    ck_assert_str_eq(json(x, "n"), "{\"a\":1}");
    ck_assert_int_eq(store_add(x, 1, "n"), -EINVAL); /* an object does not */
    ck_assert_int_eq(store_add(x, 0, "zero"), 0);
    reopen();
    ck_assert_str_eq(json(x, "n"), "{\"a\":1}");
    ck_assert_str_eq(json(x, "zero"), "0");
}
END_TEST

START_TEST(what_was_read_stays_until_the_turn_ends)
{
    const parley_value *object, *number;

    put(x, "o", "a", "old");
    store_add(x, 1, "n");
    store_end(s);
    object = store_get(x, "o");
    number = store_get(x, "n");
    put(x, "o", "a", "new");
    store_add(x, 1, "n");
    ck_assert_str_eq(parley_as_str(parley_get(store_get(x, "o"), "a")).p, "new");
    ck_assert_int_eq(parley_as_int(store_get(x, "n"), 0), 2);
    store_delete(x, "o");
    store_delete_all(x, "n");
    ck_assert_ptr_null(store_get(x, "o"));
    ck_assert_str_eq(parley_as_str(parley_get(object, "a")).p, "old");
    ck_assert_int_eq(parley_as_int(number, 0), 1);
    store_end(s);
}
END_TEST

START_TEST(keys_are_text_of_1_to_510_bytes)
{
    char longest[512];

    memset(longest, 'k', sizeof longest);
    longest[511] = '\0';
    for (int bad = 0; bad < 3; bad++) {
        const char *key = bad == 0 ? "" : bad == 1 ? "\xff" : longest;
        int error = bad == 2 ? -ENAMETOOLONG : -EINVAL;

        ck_assert_int_eq(put(x, key, "a", "1"), error);
        ck_assert_int_eq(store_add(x, 1, key), error);
        ck_assert_int_eq(store_expire(x, 1, key), error);
        ck_assert_int_eq(store_delete(x, key), error);
        ck_assert_int_eq(store_delete_all(x, key), error);
        ck_assert_int_eq(store_timer_set(x, key, 1), error);
        ck_assert_ptr_null(store_get(x, key));
    }
    longest[510] = '\0';
    ck_assert_int_eq(store_add(x, 1, longest), 1);
    reopen();
    ck_assert_str_eq(json(x, longest), "1");
}
END_TEST

START_TEST(what_expires_reads_as_absent_at_once)
{
    int64_t bytes = x->bytes;

    ck_assert_int_eq(store_expire(x, 1000, "n"), -ENOENT);
    store_add(x, 5, "n");
    store_add(x, 5, "later");
    ck_assert_int_eq(store_expire(x, 1000, "n"), 0);
    ck_assert_int_eq(store_expire(x, 3600000, "later"), 0);
    ck_assert_int_eq(store_add(x, 1, "n"), 6); /* which keeps the expiry */
    reopen();
    clock_set_ms(-500);
    ck_assert_str_eq(json(x, "n"), "6");
    clock_set_ms(500 + 1000);
    ck_assert_ptr_null(store_get(x, "n"));
    ck_assert_int_eq(store_delete(x, "n"), -ENOENT);
    ck_assert_int_eq(store_expire(x, 1000, "n"), -ENOENT);
    ck_assert_int_eq(store_add(x, 1, "n"), 1); /* another one, and it stays */
    reopen();
    clock_set_ms(1000000);
    ck_assert_str_eq(json(x, "n"), "1");
    ck_assert_int_eq(put(x, "o", "a", "1"), 0);
    ck_assert_int_eq(store_expire(x, 1000, "o"), 0);
    ck_assert_int_eq(put(x, "o", "b", "2"), 0);
    clock_set_ms(1000);
    ck_assert_ptr_null(store_get(x, "o"));
    ck_assert_int_eq(put(x, "o", "b", "2"), 0); /* nothing of the old one */
    ck_assert_str_eq(json(x, "o"), "{\"b\":2}");
    store_delete_all(x, "later");
    store_delete_all(x, "n");
    store_delete_all(x, "o");
    ck_assert_int_eq(x->bytes, bytes);
}
END_TEST

START_TEST(an_expiry_can_be_changed_and_taken_back)
{
    store_add(x, 1, "n");
    ck_assert_int_eq(store_expire(x, -1, "n"), -EINVAL);
    ck_assert_int_eq(store_expire(x, INT64_MAX, "n"), -EINVAL);
    store_expire(x, 1000, "n");
    store_expire(x, 100000, "n");
    reopen();
    clock_set_ms(2000);
    ck_assert_str_eq(json(x, "n"), "1");
    ck_assert_int_eq(store_expire(x, 0, "n"), 0);
    reopen();
    clock_set_ms(1000000);
    ck_assert_str_eq(json(x, "n"), "1");
}
END_TEST

START_TEST(expired_ones_are_cleaned_away_in_time)
{
    char key[16];
    int64_t bytes = x->bytes;

    for (int i = 0; i < 2500; i++) {
        snprintf(key, sizeof key, "%d", i);
        store_add(x, i, key);
        store_expire(x, 1000 + (i * 7919) % 2500, key);
    }
    store_end(s);
    clock_set_ms(2000);
    store_tick(s);
    ck_assert_uint_eq(s->expiring_count, 1500); /* a bounded number at a time */
    store_tick(s);
    store_end(s);
    for (size_t i = 0; i < s->expiring_count; i++)
        ck_assert(records_live(s->expiring[i]));
    ck_assert_uint_lt(s->expiring_count, 1500);
    clock_set_ms(10000);
    for (int i = 0; i < 3; i++)
        store_tick(s);
    ck_assert_int_eq(x->bytes, bytes);
    ck_assert_uint_gt(store_end(s), 0);
    reopen();
    clock_set_ms(-12000);
    ck_assert_ptr_null(store_get(x, "7")); /* gone for good */
}
END_TEST

START_TEST(the_first_to_expire_is_known)
{
    unsigned seed = 5;
    char key[16];

    for (int step = 0; step < 4000; step++) {
        seed = seed * 1103515245u + 12345u;
        snprintf(key, sizeof key, "%u", (seed >> 8) % 300);
        if ((seed >> 20) % 4 == 0) {
            store_delete(x, key);
        } else {
            store_add(x, 1, key);
            store_expire(x, (seed >> 4) % 5 == 0 ? 0 : 60000 + (seed >> 12) % 100000, key);
        }
        for (size_t i = 0; i < s->expiring_count && step % 10 == 0; i++) {
            ck_assert_uint_eq(s->expiring[i]->place, i);
            ck_assert_int_ge(s->expiring[i]->expires_ms,
                             s->expiring[i ? (i - 1) / 2 : 0]->expires_ms);
        }
    }
    ck_assert_uint_gt(s->expiring_count, 50);
    store_end(s);
}
END_TEST

START_TEST(whole_prefixes_go)
{
    store_add(x, 1, "vote/1/ann");
    store_add(x, 1, "vote/1/bob");
    store_add(x, 1, "vote/12/ann");
    store_add(x, 1, "vote/1");
    store_add(x, 1, "vote");
    store_add(x, 1, "\xc3\xa9");
    store_add(x, 1, "\xc3\xa9/1");
    store_add(x, 1, "\xc3\xaa");
    ck_assert_int_eq(store_delete_all(x, "vote/1/"), 0);
    ck_assert_int_eq(store_delete_all(x, "nothing"), 0);
    ck_assert_int_eq(store_delete_all(x, "\xc3\xa9"), 0);
    for (int again = 0; again < 2; again++) {
        ck_assert_ptr_null(store_get(x, "vote/1/ann"));
        ck_assert_ptr_null(store_get(x, "vote/1/bob"));
        ck_assert_ptr_nonnull(store_get(x, "vote/12/ann"));
        ck_assert_ptr_nonnull(store_get(x, "vote/1"));
        ck_assert_ptr_nonnull(store_get(x, "vote"));
        ck_assert_ptr_null(store_get(x, "\xc3\xa9/1"));
        ck_assert_ptr_nonnull(store_get(x, "\xc3\xaa"));
        reopen();
    }
    ck_assert_int_eq(store_delete(x, "vote"), 0);
    ck_assert_int_eq(store_delete(x, "vote"), -ENOENT);
    reopen();
    ck_assert_ptr_null(store_get(x, "vote"));
}
END_TEST

START_TEST(sections_share_nothing)
{
    struct store_section *y, *again;

    ck_assert_int_eq(store_section(s, "y", &y, why), 0);
    ck_assert_int_eq(store_section(s, "y", &again, why), 0);
    ck_assert_ptr_eq(y, again);
    store_add(x, 1, "n");
    store_add(y, 2, "n");
    store_delete_all(x, "n");
    ck_assert_str_eq(json(y, "n"), "2");
    store_timer_set(y, "n", 5);
    ck_assert_int_eq(store_timer_delete(x, "n"), -ENOENT);
    reopen();
    ck_assert_int_eq(store_section(s, "y", &y, why), 0);
    ck_assert_str_eq(json(x, "n"), "");
    ck_assert_str_eq(json(y, "n"), "2");
}
END_TEST

static void list_timer(void *arg, const char *key, int64_t at_unix_ms)
{
    char *list = arg;
    size_t n = strlen(list);

    snprintf(list + n, 200 - n, "%s@%" PRId64 " ", key, at_unix_ms);
}

static const char *timers(void)
{
    static char list[200];

    list[0] = '\0';
    store_timers(x, list_timer, list);
    return list;
}

START_TEST(timers_stay)
{
    int64_t bytes = x->bytes;

    ck_assert_int_eq(store_timer_set(x, "b", 100), 0);
    ck_assert_int_eq(store_timer_set(x, "a", 200), 0);
    ck_assert_int_eq(store_timer_set(x, "c", 300), 0);
    ck_assert_int_eq(store_timer_set(x, "b", 400), 0);
    reopen();
    ck_assert_str_eq(timers(), "a@200 b@400 c@300 ");
    ck_assert_int_eq(store_timer_delete(x, "b"), 0);
    ck_assert_int_eq(store_timer_delete(x, "b"), -ENOENT);
    store_timer_fired(x, "c");
    store_timer_fired(x, "unknown");
    reopen();
    ck_assert_str_eq(timers(), "a@200 ");
    store_timer_fired(x, "a");
    ck_assert_int_eq(x->bytes, bytes);
}
END_TEST

START_TEST(turns_are_numbered)
{
    uint64_t first;

    ck_assert_uint_eq(store_end(s), 0);
    store_add(x, 1, "n");
    first = store_end(s);
    ck_assert_uint_gt(first, 0);
    ck_assert_uint_eq(store_end(s), 0);
    ck_assert_int_eq(store_add(x, 1, ""), -EINVAL);
    ck_assert_int_eq(store_delete_all(x, "nothing"), 0);
    ck_assert_uint_eq(store_end(s), 0);
    store_add(x, 1, "n");
    store_timer_set(x, "n", 1);
    ck_assert_uint_eq(store_end(s), first + 1);
    sync_store();
    ck_assert(store_await(s, first + 1));
}
END_TEST

START_TEST(all_that_json_can_say_comes_back)
{
    static const char text[] =
        "{\"s\":\"\\u00e4\\n\\\"\\\\\",\"i\":-9223372036854775808,\"r\":0.1,\"e\":1e300,"
        "\"t\":true,\"f\":false,\"z\":null,\"l\":[],\"o\":{},\"d\":[[{\"a\":[1,{\"\":\"\"}]}]]}";
    char before[400];
    const struct value *v;
    const char *json_why;
    struct arena a;
    struct out o;

    arena_init(&a, 1024);
    ck_assert_int_eq(value_parse(&a, str_of(text), 32, 1000, &v, &json_why), 0);
    out_init(&o, 0);
    out_put_value(&o.pub, "v", &v->pub);
    ck_assert_int_eq(store_put(x, "all", &o), 0);
    arena_finish(&a);
    snprintf(before, sizeof before, "%s", json(x, "all"));
    ck_assert_ptr_nonnull(strstr(before, "\"d\":[[{\"a\":[1,{\"\":\"\"}]}]]}"));
    ck_assert_ptr_nonnull(strstr(before, "\"i\":-9223372036854775808"));
    reopen();
    ck_assert_str_eq(json(x, "all"), before);
}
END_TEST

static int put_text(const char *key, size_t bytes)
{
    struct out o;
    char *text = malloc(bytes + 1);
    int r;

    memset(text, 't', bytes);
    text[bytes] = '\0';
    out_init(&o, 0);
    out_put_str(&o.pub, "t", str_n(text, bytes));
    r = store_put(x, key, &o);
    free(text);
    return r;
}

START_TEST(what_is_no_record_is_refused)
{
    struct out o;

    ck_assert_int_eq(put_text("big", STORE_RECORD_BYTES), -E2BIG);
    ck_assert_int_eq(put_text("big", STORE_RECORD_BYTES - 8), 0);
    ck_assert_int_eq(put(x, "big", "more", "12345678"), -E2BIG); /* together they are too long */
    ck_assert_uint_eq(parley_length(store_get(x, "big")), 1);
    out_init(&o, 0);
    out_put_int(&o.pub, "twice", 1);
    out_put_int(&o.pub, "twice", 2);
    ck_assert_int_eq(store_put(x, "o", &o), -EINVAL);
    out_init(&o, 0);
    out_open_list(&o.pub, "open");
    ck_assert_int_eq(store_put(x, "o", &o), -EINVAL);
    out_init(&o, 0);
    for (int i = 0; i < OUT_DEPTH; i++)
        out_open_object(&o.pub, "o");
    ck_assert_int_eq(store_put(x, "o", &o), -E2BIG);
    ck_assert_ptr_null(store_get(x, "o"));
}
END_TEST

START_TEST(memory_is_bounded_by_section_and_in_all)
{
    struct store_section *y;
    int error = 0, n = 0;
    char key[16];

    s->options.section_bytes = 300000;
    s->options.bytes = 400000;
    ck_assert_int_eq(store_section(s, "y", &y, why), 0);
    for (; error == 0; n++) {
        snprintf(key, sizeof key, "%d", n);
        error = put_text(key, 1000);
    }
    ck_assert_int_eq(error, -ENOSPC);
    ck_assert_int_gt(n, 200);
    ck_assert_int_le(x->bytes, 300000);
    ck_assert_int_ge(x->bytes, 298000);
    ck_assert_int_eq(put_text("0", 900), 0); /* what shrinks has room, */
    ck_assert_int_eq(put_text("0", 3000), -ENOSPC);
    ck_assert_int_eq(store_delete(x, "1"), 0); /* and what goes makes some */
    ck_assert_int_eq(put_text("new", 1000), 0);
    x = y;
    for (n = 0, error = 0; error == 0; n++) {
        snprintf(key, sizeof key, "%d", n);
        error = put_text(key, 1000);
    }
    ck_assert_int_eq(error, -ENOSPC);
    ck_assert_int_le(s->bytes, 400000);
    ck_assert_int_ge(s->bytes, 398000);
    for (n = 0, error = 0; error == 0 && n < 100; n++) {
        snprintf(key, sizeof key, "%d", n);
        error = store_timer_set(y, key, 1);
    }
    ck_assert_int_eq(error, -ENOSPC);
    s->options.bytes = 1000; /* less than there is, after a restart with another setting */
    ck_assert_int_eq(put_text("0", 2000), -ENOSPC);
    ck_assert_int_eq(put_text("0", 500), 0);
    ck_assert_int_eq(store_add(y, 1, "new"), -ENOSPC);
    store_end(s);
}
END_TEST

START_TEST(a_store_that_fails_is_read_as_ever)
{
    store_add(x, 1, "n");
    store_timer_set(x, "t", 1);
    sync_store();
    store_fail(s, -EIO);
    ck_assert_int_eq(store_add(x, 1, "n"), -EIO);
    ck_assert_int_eq(put(x, "o", "a", "1"), -EIO);
    ck_assert_int_eq(store_expire(x, 1, "n"), -EIO);
    ck_assert_int_eq(store_delete(x, "n"), -EIO);
    ck_assert_int_eq(store_delete_all(x, "n"), -EIO);
    ck_assert_int_eq(store_timer_set(x, "u", 1), -EIO);
    ck_assert_int_eq(store_timer_delete(x, "t"), -EIO);
    ck_assert_int_eq(put(x, "", "a", "1"), -EINVAL);
    ck_assert_uint_eq(store_end(s), 0);
    ck_assert_str_eq(json(x, "n"), "1");
    ck_assert_str_eq(timers(), "t@1 ");
    store_timer_fired(x, "t"); /* a timer that fires has fired */
    ck_assert_str_eq(timers(), "");
    store_end(s);
    store_fail(s, 0);
    ck_assert_int_eq(store_add(x, 1, "n"), 2);
}
END_TEST

static TCase *tests(const char *name)
{
    TCase *t = tcase_create(name);

    tcase_add_test(t, members_replace_or_join);
    tcase_add_test(t, integers_are_summed);
    tcase_add_test(t, what_was_read_stays_until_the_turn_ends);
    tcase_add_test(t, keys_are_text_of_1_to_510_bytes);
    tcase_add_test(t, what_expires_reads_as_absent_at_once);
    tcase_add_test(t, an_expiry_can_be_changed_and_taken_back);
    tcase_add_test(t, expired_ones_are_cleaned_away_in_time);
    tcase_add_test(t, the_first_to_expire_is_known);
    tcase_add_test(t, whole_prefixes_go);
    tcase_add_test(t, sections_share_nothing);
    tcase_add_test(t, timers_stay);
    tcase_add_test(t, turns_are_numbered);
    tcase_add_test(t, all_that_json_can_say_comes_back);
    tcase_add_test(t, what_is_no_record_is_refused);
    tcase_add_test(t, memory_is_bounded_by_section_and_in_all);
    tcase_add_test(t, a_store_that_fails_is_read_as_ever);
    return t;
}

int main(void)
{
    Suite *suite = suite_create("store/store");
    TCase *file_case = tests("file"), *memory_case = tests("memory");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(file_case, start_with_file, stop);
    tcase_add_checked_fixture(memory_case, start, stop);
    suite_add_tcase(suite, file_case);
    suite_add_tcase(suite, memory_case);
    r = srunner_create(suite);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
