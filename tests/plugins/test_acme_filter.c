/* The SDK's example of an ask: sdk/examples/acme_filter.c, unchanged, with a classifier that is
 * quick, slow, wrong and down. */
#include "kit.h"

#include <check.h>
#include <stdlib.h>

static kit *k;
static parley_client ann, bob;
static char ini[4096];

#define URL "http://classify.acme.internal:9000/v1"

static void start_with(const char *more)
{
    snprintf(ini, sizeof ini,
             "[type chat_message]\n[type typing]\n[hub mute]\n[hub acme_filter]\n"
             "plugin = %s/acme_filter.so\nurl = " URL "\n%s\n"
             "[hub acme_filter in attic]\nthreshold = 2\n[hub acme_filter in mild]\nmask = yes\n"
             "[hub channels]\nlist = general, attic, mild\nauto_join = *\n[hub router]\n",
             getenv("PARLEY_FIXTURES"), more);
    k = kit_start(ini, NULL);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ann = kit_connect(k, "ann", "");
    bob = kit_connect(k, "bob", "moderator");
}

static void start(void)
{
    start_with("");
}

static void stop(void)
{
    ck_assert_int_eq(kit_close(k), 0);
}

static parley_verdict says(parley_client who, const char *channel, const char *text)
{
    char json[256];

    snprintf(json, sizeof json,
             "{\"type\":\"chat_message\",\"id\":\"%s\",\"channel\":\"%s\",\"message\":\"%s\"}",
             text, channel, text);
    return kit_input(k, who, json);
}

static void sees(parley_client who, const char *text)
{
    const char *f = kit_next(k, who, "chat_message");

    if (!text) {
        ck_assert_ptr_null(f);
        return;
    }
    ck_assert_msg(f != NULL, "%s", text);
    ck_assert_pstr_eq(kit_member(f, "payload.message"), text);
}

/* The error that ann was answered with; its code and its words. */
static void refused(const char *code, const char *words)
{
    const char *f = kit_next(k, ann, "error");

    ck_assert_msg(f != NULL, "%s", code);
    ck_assert_pstr_eq(kit_member(f, "payload.code"), code);
    ck_assert_ptr_nonnull(strstr(kit_member(f, "payload.message"), words));
}

static int strikes(void)
{
    const char *json;

    ck_assert_int_eq(kit_admin(k, "GET", "/admin/acme_filter/strikes?user=ann", NULL, &json), 200);
    return atoi(kit_member(json, "strikes"));
}

START_TEST(what_is_mild_passes)
{
    kit_web(k, 20, 200, "{\"toxicity\":0.79}");
    ck_assert_int_eq(says(ann, "general", "hello"), PARLEY_HOLD);
    ck_assert_str_eq(kit_web_asked(k), "POST " URL);
    ck_assert_str_eq(kit_web_seen(k), "{\"user\":\"ann\",\"texts\":[\"hello\"]}");
    kit_advance_ms(k, 20);
    sees(bob, "hello");
    ck_assert_int_eq(strikes(), 0);
}
END_TEST

START_TEST(three_strikes_and_he_is_muted)
{
    for (int i = 0; i < 3; i++) {
        char words[64];

        kit_web(k, 0, 200, "{\"toxicity\":0.8}");
        says(ann, "general", i == 0 ? "a" : i == 1 ? "b" : "c");
        snprintf(words, sizeof words, "That was strike %d of 3.", i + 1);
        refused("rejected", words);
    }
    ck_assert_int_eq(strikes(), 3);
    says(ann, "general", "d");
    refused("muted", "You are muted");
    ck_assert_int_eq(kit_web_count(k), 3);
    ck_assert_double_eq(kit_metric(k, "acme_filter", "flagged"), 3);
    sees(bob, NULL);
}
END_TEST

START_TEST(strikes_survive_a_restart_and_are_pardoned)
{
    kit_web(k, 0, 200, "{\"toxicity\":1}");
    says(ann, "general", "a");
    kit_restart(k);
    ck_assert_int_eq(strikes(), 1);
    ck_assert_int_eq(kit_admin(k, "DELETE", "/admin/acme_filter/strikes?user=ann", NULL, NULL),
                     200);
    ck_assert_int_eq(strikes(), 0);
    ck_assert_int_eq(kit_admin(k, "DELETE", "/admin/acme_filter/strikes?user=ann", NULL, NULL),
                     404);
    ck_assert_int_eq(kit_admin(k, "GET", "/admin/acme_filter/strikes", NULL, NULL), 400);
    ann = kit_connect(k, "ann", "");
    bob = kit_connect(k, "bob", "");
}
END_TEST

START_TEST(strikes_are_forgotten_in_time)
{
    kit_web(k, 0, 200, "{\"toxicity\":1}");
    says(ann, "general", "a");
    kit_advance_ms(k, INT64_C(29) * 86400000);
    ck_assert_int_eq(strikes(), 1);
    kit_advance_ms(k, INT64_C(2) * 86400000);
    ck_assert_int_eq(strikes(), 0);
}
END_TEST

START_TEST(slow_it_keeps_its_authors_order_and_others_pass)
{
    kit_web(k, 1500, 200, "{\"toxicity\":0}");
    kit_web(k, 300, 200, "{\"toxicity\":0}");
    says(ann, "general", "1");
    says(ann, "general", "2");
    kit_input(k, ann, "{\"type\":\"typing\",\"channel\":\"general\",\"is_typing\":true}");
    ck_assert_int_eq(says(bob, "general", "b"), PARLEY_PASS); /* exempt by his role */
    sees(bob, "b");
    ck_assert_int_eq(kit_web_count(k), 1);
    kit_advance_ms(k, 1500);
    sees(bob, "1");
    ck_assert_int_eq(kit_web_count(k), 2);
    sees(bob, NULL);
    kit_advance_ms(k, 300);
    sees(bob, "2");
    ck_assert_int_eq(kit_frames(k, bob, "typing"), 1);
    ck_assert_int_eq(kit_frames(k, ann, "ack"), 2);
}
END_TEST

START_TEST(wrong_it_is_not_believed)
{
    static const struct {
        int status;
        const char *body;
    } wrong[] = {{500, "{\"toxicity\":0}"},
                 {200, "<html>"},
                 {200, "{\"toxicity\":\"0\"}"},
                 {200, "[0]"},
                 {200, ""},
                 {404, "{}"},
                 {200, "{\"toxicity\":0"},
                 {-ECONNREFUSED, NULL},
                 {-EHOSTUNREACH, NULL},
                 {200, "{\"toxicity\":0}x"}};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        kit_web(k, 0, wrong[i].status, wrong[i].body);
        says(ann, "general", "same id"); /* "later" is not remembered */
        refused("unavailable", "cannot be judged just now");
    }
    ck_assert_int_eq(strikes(), 0);
    kit_web(k, 0, 200, "{\"toxicity\":0}");
    says(ann, "general", "same id");
    sees(bob, "same id");
}
END_TEST

START_TEST(down_it_is_waited_for_so_long)
{
    kit_web(k, 0, 0, NULL);
    kit_web(k, 0, 200, "{\"toxicity\":0}");
    says(ann, "general", "1");
    says(ann, "general", "2");
    kit_advance_ms(k, 1999);
    ck_assert_int_eq(kit_frames(k, ann, "error"), 0);
    kit_advance_ms(k, 1);
    refused("unavailable", "cannot be judged just now");
    sees(bob, "2");
}
END_TEST

START_TEST(down_all_pass_where_on_error_says_so)
{
    kit_close(k);
    start_with("on_error = pass\ntimeout = 100ms");
    kit_web(k, 0, 0, NULL);
    says(ann, "general", "1");
    kit_advance_ms(k, 100);
    sees(bob, "1");
    says(ann, "general", "2"); /* nobody listens there */
    sees(bob, "2");
}
END_TEST

START_TEST(channels_have_options_of_their_own)
{
    kit_web(k, 0, 200, "{\"toxicity\":1}");
    says(ann, "attic", "1");
    sees(bob, "1");
    kit_web(k, 0, 200, "{\"toxicity\":1}");
    says(ann, "mild", "2");
    sees(bob, "***");
    ck_assert_int_eq(strikes(), 1);
}
END_TEST

START_TEST(its_author_may_leave)
{
    kit_web(k, 500, 200, "{\"toxicity\":1}");
    says(ann, "general", "1");
    says(ann, "general", "2");
    kit_disconnect(k, ann);
    kit_web(k, 0, 200, "{\"toxicity\":0}");
    kit_advance_ms(k, 500);
    ck_assert_int_eq(strikes(), 1);
    sees(bob, "2");
}
END_TEST

START_TEST(strikes_that_cannot_be_kept_judge_nobody)
{
    kit_store_fails(k, ENOSPC);
    kit_web(k, 0, 200, "{\"toxicity\":1}");
    says(ann, "general", "1");
    refused("unavailable", "cannot be judged just now");
    kit_store_fails(k, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("acme_filter");
    TCase *t = tcase_create("acme_filter");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, start, stop);
    tcase_add_test(t, what_is_mild_passes);
    tcase_add_test(t, three_strikes_and_he_is_muted);
    tcase_add_test(t, strikes_survive_a_restart_and_are_pardoned);
    tcase_add_test(t, strikes_are_forgotten_in_time);
    tcase_add_test(t, slow_it_keeps_its_authors_order_and_others_pass);
    tcase_add_test(t, wrong_it_is_not_believed);
    tcase_add_test(t, down_it_is_waited_for_so_long);
    tcase_add_test(t, down_all_pass_where_on_error_says_so);
    tcase_add_test(t, channels_have_options_of_their_own);
    tcase_add_test(t, its_author_may_leave);
    tcase_add_test(t, strikes_that_cannot_be_kept_judge_nobody);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
