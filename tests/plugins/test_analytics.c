/* analytics: what is counted, and that a silent server logs nothing. */
#include "base/metrics.h"
#include "kit.h"
#include "scratch.h"

#include <check.h>
#include <stdlib.h>

#define INI                                                                                     \
    "[hub analytics]\ninterval = 60s\n[hub rate_limit]\nmessages = 1\nwindow = 1d\nburst = 3\n" \
    "[type chat_message]\n[type typing]\n[type resume]\n[hub router]\n[hub recent]\n"           \
    "[hub channels]\nlist = general, random\nauto_join = *\n"

static kit *k;

static void say(parley_client c, const char *channel)
{
    char frame[256];

    snprintf(frame, sizeof frame,
             "{\"type\":\"chat_message\",\"channel\":\"%s\",\"message\":\"x\"}", channel);
    kit_input(k, c, frame);
}

START_TEST(sessions_messages_and_refusals)
{
    double sessions, seconds, messages, channels, refusals;
    parley_client a, b;

    k = kit_start(INI, NULL);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    sessions = kit_metric(k, "analytics", "sessions");
    seconds = kit_metric(k, "analytics", "session_seconds");
    messages = kit_metric(k, "analytics", "messages");
    channels = kit_metric(k, "analytics", "channel_messages");
    refusals = kit_metric(k, "analytics", "refusals");
    a = kit_connect(k, "ada", "");
    b = kit_connect(k, "bob", "");
    say(a, "general");
    say(a, "random");
    say(a, "random");
    say(a, "random");  /* too many */
    say(a, "nowhere"); /* the core's */
    kit_input(k, b, "{\"type\":\"typing\",\"channel\":\"general\"}");
    kit_input(k, b, "{\"type\":\"resume\",\"channel\":\"general\",\"epoch\":\"x\",\"offset\":0}");
    ck_assert_int_eq(kit_frames(k, b, "resumed"), 1); /* the server's own word does not count */
    ck_assert_double_eq(kit_metric(k, "analytics", "sessions") - sessions, 2);
    ck_assert_double_eq(kit_metric(k, "analytics", "messages") - messages, 4);
    ck_assert_double_eq(kit_metric(k, "analytics", "channel_messages") - channels, 4);
    ck_assert_double_eq(kit_metric(k, "analytics", "refusals") - refusals, 2);
    kit_advance_ms(k, 90000);
    kit_disconnect(k, b);
    ck_assert_double_ge(kit_metric(k, "analytics", "session_seconds") - seconds, 1);
    kit_advance_ms(k, 600000);
    ck_assert_int_eq(kit_close(k), 0);
}
END_TEST

/* A channel that is called as a type is: each is counted by itself, and so is every other label. */
START_TEST(labels_of_the_same_name)
{
    double types, channels, others;
    parley_client a;

    k = kit_start("[hub analytics]\n[type chat_message]\n[hub router]\n[hub channels]\n"
                  "list = chat_message, general\nauto_join = *\n",
                  NULL);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    a = kit_connect(k, "ada", "");
    for (int i = 0; i < 2; i++) { /* known from the first time on */
        say(a, "chat_message");
        say(a, "general");
        say(a, "general");
        types = metric_find("analytics_messages", PARLEY_STR("chat_message"));
        channels = metric_find("analytics_channel_messages", PARLEY_STR("chat_message"));
        others = metric_find("analytics_channel_messages", PARLEY_STR("general"));
        ck_assert_double_eq(types, 3 * (i + 1));
        ck_assert_double_eq(channels, i + 1);
        ck_assert_double_eq(others, 2 * (i + 1));
    }
    ck_assert_int_eq(kit_close(k), 0);
}
END_TEST

/* The log goes to stderr: what it says is read from there. */
static int summaries(const char *path, char *last, size_t bytes)
{
    FILE *f = fopen(path, "r");
    char line[1024];
    int n = 0;

    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f))
        if (strstr(line, "activity")) {
            snprintf(last, bytes, "%s", line);
            n++;
        }
    fclose(f);
    return n;
}

START_TEST(the_log_sums_up_when_there_is_something)
{
    char path[SCRATCH_BYTES], last[1024] = "";
    int fd = scratch_file(path);
    parley_client a;

    ck_assert_int_ge(fd, 0);
    ck_assert_ptr_nonnull(freopen(path, "w", stderr));
    setenv("KIT_LOG", "1", 1);
    k = kit_start(INI, NULL);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    kit_advance_ms(k, 300000);
    ck_assert_int_eq(summaries(path, last, sizeof last), 0);
    a = kit_connect(k, "ada", "");
    for (int i = 0; i < 5; i++)
        say(a, "general");
    kit_advance_ms(k, 40000);
    kit_disconnect(k, a);
    ck_assert_int_eq(summaries(path, last, sizeof last), 0);
    kit_advance_ms(k, 20000);
    ck_assert_int_eq(summaries(path, last, sizeof last), 1);
    ck_assert_msg(strstr(last, "1 sessions opened, 1 closed after 40 s on average, 3 messages "
                               "delivered, 2 refused") != NULL,
                  "%s", last);
    kit_advance_ms(k, 300000);
    ck_assert_int_eq(summaries(path, last, sizeof last), 1);
    kit_connect(k, "ada", "");
    kit_advance_ms(k, 60000);
    ck_assert_int_eq(summaries(path, last, sizeof last), 2);
    ck_assert_msg(strstr(last, "1 sessions opened, 0 closed") != NULL, "%s", last);
    kit_close(k);
    remove(path);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("analytics");
    TCase *t = tcase_create("analytics");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_test(t, sessions_messages_and_refusals);
    tcase_add_test(t, labels_of_the_same_name);
    tcase_add_test(t, the_log_sums_up_when_there_is_something);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
