/* The ring of verdicts: how much it holds, what is found in it, and how it is asked. */
#include "base/buf.h"
#include "hub/verdicts.h"
#include "scripted.h"

static parley_client ann, bob;
static struct buf found;

static void start_with(const char *server)
{
    char ini[512];

    kit_close(k);
    snprintf(ini, sizeof ini, "[server]\n%s\n" SECTIONS_ALONE, server);
    k = kit_start(ini, scripted);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ann = member_of("ann", "room");
    bob = member_of("bob", "Club");
}

static parley_verdict names_itself(parley_host *h, parley_message *m)
{
    (void)m;
    return parley_reject(h, PARLEY_E_REJECTED, h->section, "No.");
}

/* The users of those that match, the latest first, as "bob:c ann:a ". */
static const char *matching(const struct verdict_words *w)
{
    static char out[512];
    struct verdict_filter f;
    const char *why = NULL, *p;
    size_t n = 0;

    ck_assert_msg(verdicts_filter(w, &f, &why) == 0, "%s", why);
    buf_clear(&found);
    verdicts_query(hub_verdicts(k->hub), &f, &found);
    ck_assert_int_eq(found.error, 0);
    out[0] = '\0';
    for (p = found.p; (p = strstr(p, "{\"number\"")); p++) {
        char *one = strndup(p, (size_t)(strchr(p, '}') - p) + 1);
        char *section = strdup(kit_member(one, "section"));

        n += (size_t)snprintf(out + n, sizeof out - n, "%s:%s ", kit_member(one, "user"), section);
        free(section);
        free(one);
    }
    return out;
}

START_TEST(what_matches_is_found_latest_first)
{
    start_with("");
    a.on_message = names_itself;
    say(ann, "room");
    say(bob, "club");
    a.on_message = NULL;
    c.on_message = names_itself;
    say(ann, "room");
    ck_assert_str_eq(matching(&(struct verdict_words){0}), "ann:c bob:a ann:a ");
    ck_assert_str_eq(matching(&(struct verdict_words){.section = "a"}), "bob:a ann:a ");
    ck_assert_str_eq(matching(&(struct verdict_words){.user = "ann"}), "ann:c ann:a ");
    ck_assert_str_eq(matching(&(struct verdict_words){.user = "an"}), "");
    ck_assert_str_eq(matching(&(struct verdict_words){.channel = "CLUB"}), "bob:a ");
    ck_assert_str_eq(matching(&(struct verdict_words){.verdict = "drop"}), "");
    ck_assert_str_eq(matching(&(struct verdict_words){.verdict = "reject", .limit = "2"}),
                     "ann:c bob:a ");
}
END_TEST

START_TEST(not_what_is_older)
{
    start_with("");
    a.on_message = names_itself;
    say(ann, "room");
    kit_advance_ms(k, 60000);
    say(bob, "club");
    ck_assert_str_eq(matching(&(struct verdict_words){.since = "59s"}), "bob:a ");
    ck_assert_str_eq(matching(&(struct verdict_words){.since = "1m"}), "bob:a ann:a ");
}
END_TEST

START_TEST(as_many_as_the_ini_says)
{
    start_with("verdicts = 3");
    a.on_message = names_itself;
    for (int i = 0; i < 4; i++)
        say(i % 2 ? bob : ann, i % 2 ? "club" : "room");
    ck_assert_str_eq(matching(&(struct verdict_words){0}), "bob:a ann:a bob:a ");
    ck_assert_ptr_nonnull(strstr(found.p, "{\"number\":4,"));
    ck_assert_ptr_null(strstr(found.p, "{\"number\":1,"));
    start_with("verdicts = 0");
    say(ann, "room");
    ck_assert_str_eq(matching(&(struct verdict_words){0}), "");
}
END_TEST

static parley_verdict long_rule(parley_host *h, parley_message *m)
{
    char rule[400];

    (void)m;
    memset(rule, 'x', sizeof rule);
    for (size_t i = 120; i + 1 < sizeof rule; i += 2)
        memcpy(rule + i, "\xc3\xa9", 2);
    rule[sizeof rule - 1] = '\0';
    return parley_reject(h, PARLEY_E_REJECTED, rule, "No.");
}

START_TEST(long_texts_are_cut_between_characters)
{
    const char *rule;

    start_with("");
    a.on_message = long_rule;
    say(ann, "room");
    rule = kit_member(kit_verdict(k, "a"), "rule");
    ck_assert_ptr_nonnull(rule);
    ck_assert_uint_eq(strlen(rule), 126);
}
END_TEST

START_TEST(words_that_make_no_question)
{
    static const struct verdict_words bad[] = {
        {.since = "yesterday"}, {.limit = "0"},  {.limit = "1001"}, {.limit = "-1"},
        {.limit = "10x"},       {.limit = " 1"}, {.verdict = "no"}, {.verdict = "pass"}};
    struct verdict_filter f;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *why = NULL;

        ck_assert_int_eq(verdicts_filter(&bad[i], &f, &why), -EINVAL);
        ck_assert_ptr_nonnull(why);
    }
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("verdicts");
    int failed;

    tcase_add_test(t, what_matches_is_found_latest_first);
    tcase_add_test(t, not_what_is_older);
    tcase_add_test(t, as_many_as_the_ini_says);
    tcase_add_test(t, long_texts_are_cut_between_characters);
    tcase_add_test(t, words_that_make_no_question);
    failed = run_tests("verdicts", t);
    buf_finish(&found);
    return failed;
}
