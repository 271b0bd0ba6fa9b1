/* The store and durable timers as a plugin meets them: tests/fixtures/plugins/keeper.c, a shared
 * object like any other, on the testkit. */
#include "kit.h"

#include <check.h>
#include <stdlib.h>

static kit *k;
static parley_client ann;
static char ini[4600];

static void start(void)
{
    snprintf(ini, sizeof ini,
             "[server]\nstore_section_max = 64KiB\n[plugin keeper]\nplugin = %s/keeper.so\n"
             "[plugin other]\nplugin = %s/noop.so\n",
             getenv("PARLEY_FIXTURES"), getenv("PARLEY_FIXTURES"));
    k = kit_start(ini, NULL);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ann = kit_connect(k, "ann", "");
}

static void stop(void)
{
    ck_assert_int_eq(kit_close(k), 0);
}

/* "RESULT RECORD", the record without its time; of what was refused the error's code. */
static const char *does(const char *json)
{
    static char answer[512];
    parley_verdict v = kit_input(k, ann, json);
    const char *kept = kit_last(k, ann, "kept"), *record;
    size_t n;

    if (v == PARLEY_REJECT && !kept) {
        snprintf(answer, sizeof answer, "%s",
                 kit_member(kit_last(k, ann, "error"), "payload.code"));
        return answer;
    }
    n = (size_t)snprintf(answer, sizeof answer, "%s", kit_member(kept, "payload.result"));
    record = kit_member(kept, "payload.record.text");
    if (!record)
        record = kit_member(kept, "payload.record");
    snprintf(answer + n, sizeof answer - n, " %s", record ? record : "none");
    return answer;
}

#define DO(what, key, more) "{\"type\":\"keep\",\"do\":\"" what "\",\"key\":\"" key "\"" more "}"

static const char *record(const char *key)
{
    static char text[512];
    const char *json;
    char path[128];

    snprintf(path, sizeof path, "/admin/keeper/record?key=%s", key);
    if (kit_admin(k, "GET", path, NULL, &json) != 200)
        return "none";
    snprintf(text, sizeof text, "%s", kit_member(json, "record"));
    return text;
}

START_TEST(it_keeps_and_forgets)
{
    ck_assert_str_eq(does(DO("put", "a", ",\"text\":\"one\"")), "0 one");
    ck_assert_str_eq(does(DO("put", "a", ",\"text\":\"two\"")), "0 two");
    ck_assert_str_eq(does(DO("add", "n", ",\"n\":5")), "5 5");
    ck_assert_str_eq(does(DO("add", "n", ",\"n\":-7,\"times\":2")), "-2 -2");
    kit_restart(k);
    ann = kit_connect(k, "ann", "");
    ck_assert_str_eq(does(DO("add", "n", ",\"n\":3")), "1 1");
    ck_assert_str_eq(does(DO("add", "a", ",\"n\":3")), "-22 two");
    ck_assert_str_eq(record("starts"), "2");
    ck_assert_str_eq(does(DO("delete", "a", "")), "0 none");
    ck_assert_str_eq(does(DO("delete", "a", "")), "-2 none");
    ck_assert_str_eq(does(DO("delete_all", "sta", "")), "0 none");
    ck_assert_str_eq(record("starts"), "none");
    ck_assert_int_eq(kit_admin(k, "DELETE", "/admin/keeper/record?key=n", NULL, NULL), 204);
    ck_assert_int_eq(kit_admin(k, "DELETE", "/admin/keeper/record?key=n", NULL, NULL), 404);
}
END_TEST

START_TEST(what_was_read_stays_while_it_is_replaced)
{
    does(DO("put", "a", ",\"text\":\"one\""));
    kit_input(k, ann, DO("put", "a", ",\"text\":\"two\",\"times\":100"));
    ck_assert_str_eq(kit_member(kit_last(k, ann, "kept"), "payload.before"), "one");
    kit_input(k, ann, DO("delete_all", "a", ""));
    ck_assert_str_eq(kit_member(kit_last(k, ann, "kept"), "payload.before"), "two");
}
END_TEST

START_TEST(keys_that_are_none)
{
    char text[700], key[601];

    memset(key, 'k', 600);
    key[600] = '\0';
    snprintf(text, sizeof text, "{\"type\":\"keep\",\"do\":\"add\",\"n\":1,\"key\":\"%s\"}", key);
    ck_assert_str_eq(does(text), "-36 none"); /* too long, and never cut to another's name */
    key[510] = '\0';
    snprintf(text, sizeof text, "{\"type\":\"keep\",\"do\":\"add\",\"n\":1,\"key\":\"%s\"}", key);
    ck_assert_str_eq(does(text), "1 1");
}
END_TEST

START_TEST(it_expires)
{
    does(DO("add", "n", ",\"n\":1"));
    ck_assert_str_eq(does(DO("expire", "n", ",\"n\":60000")), "0 1");
    kit_advance_ms(k, 30000);
    kit_restart(k);
    ann = kit_connect(k, "ann", "");
    kit_advance_ms(k, 20000);
    ck_assert_str_eq(does(DO("add", "n", ",\"n\":1")), "2 2");
    kit_advance_ms(k, 10001);
    ck_assert_str_eq(record("n"), "none");
    ck_assert_str_eq(does(DO("add", "n", ",\"n\":1")), "1 1");
}
END_TEST

START_TEST(it_is_woken)
{
    ck_assert_str_eq(does(DO("at", "late", ",\"n\":60000")), "0 none");
    ck_assert_str_eq(does(DO("at", "never", ",\"n\":60000")), "0 none");
    ck_assert_str_eq(does(DO("after", "short", ",\"n\":60000")), "0 none");
    kit_restart(k);
    ann = kit_connect(k, "ann", "");
    ck_assert_str_eq(does(DO("cancel", "never", "")), "0 none");
    ck_assert_str_eq(does(DO("cancel", "short", "")), "-2 none"); /* it was of memory alone */
    kit_advance_ms(k, 59000);
    ck_assert_int_eq(kit_frames(k, ann, "rang"), 0);
    kit_advance_ms(k, 1000);
    ck_assert_int_eq(kit_frames(k, ann, "rang"), 1);
    ck_assert_str_eq(kit_member(kit_last(k, ann, "rang"), "payload.key"), "late");
    kit_restart(k);
    kit_advance_ms(k, 1000000);
    ck_assert_str_eq(record("rang/late"), "1");
    ck_assert_str_eq(record("rang/never"), "none");
}
END_TEST

START_TEST(its_section_is_bounded)
{
    char key[100];
    const char *last = "";

    for (int i = 0; i < 1000 && strncmp(last, "-28", 3) != 0; i++) {
        snprintf(key, sizeof key,
                 "{\"type\":\"keep\",\"do\":\"put\",\"text\":\"t\",\"key\":\"k%d\"}", i);
        last = does(key);
        ck_assert_int_lt(i, 900);
    }
    ck_assert_str_eq(does(DO("delete", "k0", "")), "0 none");
    ck_assert_str_eq(does(DO("put", "z", ",\"text\":\"t\"")), "0 t");
}
END_TEST

START_TEST(a_store_that_fails)
{
    double refused = kit_metric(k, "keeper", "refused");
    int errors[] = {ENOSPC, -EIO};

    does(DO("add", "n", ",\"n\":1"));
    for (int i = 0; i < 2; i++) {
        kit_store_fails(k, errors[i]);
        ck_assert_int_eq(kit_input(k, ann, DO("add", "n", ",\"n\":1")), PARLEY_REJECT);
        ck_assert_str_eq(kit_member(kit_last(k, ann, "error"), "payload.code"), "unavailable");
        ck_assert_str_eq(kit_member(kit_last(k, ann, "kept"), "payload.result"),
                         i == 0 ? "-28" : "-5");
        ck_assert_str_eq(record("n"), "1");
    }
    ck_assert_double_eq(kit_metric(k, "keeper", "refused") - refused, 2);
    kit_store_fails(k, 0);
    ck_assert_str_eq(does(DO("add", "n", ",\"n\":1")), "2 2");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keeper");
    TCase *t = tcase_create("keeper");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, start, stop);
    tcase_add_test(t, it_keeps_and_forgets);
    tcase_add_test(t, what_was_read_stays_while_it_is_replaced);
    tcase_add_test(t, keys_that_are_none);
    tcase_add_test(t, it_expires);
    tcase_add_test(t, it_is_woken);
    tcase_add_test(t, its_section_is_bounded);
    tcase_add_test(t, a_store_that_fails);
    suite_add_tcase(suite, t);
    r = srunner_create(suite);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
