/* Numbers and their page. The page is read back by a small parser that knows the rules of
 * OpenMetrics. */
#include "base/buf.h"
#include "base/metrics.h"
#include "base/str.h"

#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

static struct buf page;

static const char *write_page(void)
{
    buf_clear(&page);
    metrics_write(&page);
    ck_assert_int_eq(page.error, 0);
    return page.p;
}

static void has(const char *line)
{
    const char *text = write_page(), *at = strstr(text, line);

    ck_assert_msg(at && (at == text || at[-1] == '\n') && at[strlen(line)] == '\n',
                  "no line '%s' in:\n%s", line, text);
}

START_TEST(kinds_and_lines)
{
    struct metric *c = metric(METRIC_COUNTER, "frames", "Frames that came in.", NULL, PARLEY_NONE);
    struct metric *g = metric(METRIC_GAUGE, "queue_bytes", "Waiting.", "pump", PARLEY_STR("0"));

    ck_assert_ptr_eq(c, metric(METRIC_COUNTER, "frames", "", NULL, PARLEY_NONE));
    ck_assert_ptr_eq(c, metric(METRIC_COUNTER, "frames_total", NULL, NULL, PARLEY_NONE));
    metric_inc(c);
    metric_add(c, 41);
    metric_add(c, -5); /* a counter never falls */
    metric_add(c, NAN);
    metric_set(c, 7); /* nor is it set */
    metric_add(g, 12.5);
    metric_add(g, -2);
    has("# TYPE parley_frames counter");
    has("# HELP parley_frames Frames that came in.");
    has("parley_frames_total 42");
    has("# TYPE parley_queue_bytes gauge");
    has("# UNIT parley_queue_bytes bytes");
    has("parley_queue_bytes{pump=\"0\"} 10.5");
    metric_set(g, -3);
    has("parley_queue_bytes{pump=\"0\"} -3");
    ck_assert_double_eq(metric_read(c), 42);
    ck_assert_ptr_null(metric(METRIC_GAUGE, "frames", "another kind", NULL, PARLEY_NONE));
    const char *text = write_page();
    ck_assert_str_eq(text + strlen(text) - 6, "# EOF\n");
}
END_TEST

/* In whatever way it is counted, it is one number. */
START_TEST(all_ways_of_counting)
{
    struct metric *c = metric(METRIC_COUNTER, "ways", NULL, NULL, PARLEY_NONE);
    struct metric *g = metric(METRIC_GAUGE, "ways_now", NULL, NULL, PARLEY_NONE);
    struct metric *d = metric(METRIC_SECONDS, "ways_took", NULL, NULL, PARLEY_NONE);

    metric_inc(c);
    metric_inc_alone(c);
    metric_inc_alone(c);
    metric_add(c, 1);
    metric_add(c, 0.5);
    has("parley_ways_total 4.5");
    metric_add(g, 1);
    metric_inc_alone(g); /* counts counters alone */
    metric_inc_alone(NULL);
    has("parley_ways_now 1");
    metric_add(d, 1);
    has("parley_ways_took_seconds_sum 1");
    metric_add(g, -1);
}
END_TEST

START_TEST(durations)
{
    struct metric *m = metric(METRIC_SECONDS, "hub_turn", "A turn.", "hub", PARLEY_STR("x"));

    metric_add(m, 0.00005);
    metric_add(m, 0.0001); /* bounds are inclusive */
    metric_add(m, 0.3);
    metric_add(m, 1000);
    has("# TYPE parley_hub_turn_seconds histogram");
    has("# UNIT parley_hub_turn_seconds seconds");
    has("parley_hub_turn_seconds_bucket{hub=\"x\",le=\"0.0001\"} 2");
    has("parley_hub_turn_seconds_bucket{hub=\"x\",le=\"0.25\"} 2");
    has("parley_hub_turn_seconds_bucket{hub=\"x\",le=\"0.5\"} 3");
    has("parley_hub_turn_seconds_bucket{hub=\"x\",le=\"1.0\"} 3");
    has("parley_hub_turn_seconds_bucket{hub=\"x\",le=\"60.0\"} 3");
    has("parley_hub_turn_seconds_bucket{hub=\"x\",le=\"+Inf\"} 4");
    has("parley_hub_turn_seconds_count{hub=\"x\"} 4");
    has("parley_hub_turn_seconds_sum{hub=\"x\"} 1000.30015");
    ck_assert_double_eq(metric_read(m), 4);
    metric(METRIC_SECONDS, "wait_seconds", NULL, NULL, PARLEY_NONE);
    has("parley_wait_seconds_bucket{le=\"+Inf\"} 0");
}
END_TEST

START_TEST(brief_durations)
{
    struct metric *m = metric(METRIC_BRIEF, "hook", "A call.", NULL, PARLEY_NONE);

    metric_add(m, 0.0000005);
    metric_add(m, 0.000004);
    metric_add(m, 0.02);
    has("# TYPE parley_hook_seconds histogram");
    has("parley_hook_seconds_bucket{le=\"1e-06\"} 1");
    has("parley_hook_seconds_bucket{le=\"2.5e-06\"} 1");
    has("parley_hook_seconds_bucket{le=\"5e-06\"} 2");
    has("parley_hook_seconds_bucket{le=\"0.01\"} 2");
    has("parley_hook_seconds_bucket{le=\"0.025\"} 3");
    has("parley_hook_seconds_bucket{le=\"10.0\"} 3");
    has("parley_hook_seconds_count 3");
    ck_assert_double_eq(metric_read(m), 3);
}
END_TEST

START_TEST(labels_are_escaped)
{
    metric_inc(metric(METRIC_COUNTER, "odd-name.1", "a \"b\"\n\\c", "wh at",
                      PARLEY_STR("say \"hi\" \\ bye")));
    has("# HELP parley_odd_name_1 a \\\"b\\\"\\n\\\\c");
    has("parley_odd_name_1_total{wh_at=\"say \\\"hi\\\" \\\\ bye\"} 1");
    metric_inc(metric(METRIC_COUNTER, "bad_bytes", NULL, "v", PARLEY_STR("a\xff\n\x1b[31m")));
    const char *text = write_page();
    ck_assert(str_valid_utf8(text, strlen(text)));
    ck_assert_ptr_null(strchr(text, '\x1b'));
    char longer[2000];
    memset(longer, 'x', sizeof longer);
    metric_inc(metric(METRIC_COUNTER, "long_value", NULL, "v", str_n(longer, sizeof longer)));
    ck_assert_double_eq(metric_find("long_value", PARLEY_NONE), 1);
}
END_TEST

START_TEST(two_labels)
{
    struct metric *a = metric2(METRIC_GAUGE, "plugin_depth", "d", "section", PARLEY_STR("a"),
                               "label", PARLEY_STR("x"));
    struct metric *b =
        metric2(METRIC_GAUGE, "plugin_depth", "d", "section", PARLEY_STR("b"), NULL, PARLEY_NONE);

    metric_set(a, 1);
    metric_set(b, 2);
    has("parley_plugin_depth{section=\"a\",label=\"x\"} 1");
    has("parley_plugin_depth{section=\"b\"} 2");
    ck_assert_double_eq(metric_find("plugin_depth", PARLEY_STR("a")), 1);
    ck_assert_double_eq(metric_find("plugin_depth", PARLEY_STR("x")), 1);
    ck_assert_double_eq(metric_find("plugin_depth", PARLEY_NONE), 3);
    ck_assert_double_nan(metric_find("plugin_depth", PARLEY_STR("zz")));
    ck_assert_double_nan(metric_find("nothing", PARLEY_NONE));
}
END_TEST

START_TEST(values_are_bounded)
{
    for (int i = 0; i < 5000; i++) {
        char v[16];
        snprintf(v, sizeof v, "v%d", i);
        metric_inc(metric(METRIC_COUNTER, "crowd", "c", "who", str_of(v)));
        metric_inc(
            metric2(METRIC_COUNTER, "crowd2", "c", "section", PARLEY_STR("s"), "who", str_of(v)));
    }
    ck_assert_double_eq(metric_find("crowd", PARLEY_NONE), 5000);
    ck_assert_double_eq(metric_find("crowd", PARLEY_STR("v999")), 1);
    ck_assert_double_eq(metric_find("crowd", PARLEY_STR("other")), 4000);
    ck_assert_double_nan(metric_find("crowd", PARLEY_STR("v1000")));
    ck_assert_double_eq(metric_find("crowd2", PARLEY_STR("other")), 4000);
    has("parley_crowd2_total{section=\"s\",who=\"other\"} 4000");
    metric_inc(metric(METRIC_COUNTER, "crowd", "c", "who", PARLEY_STR("v3")));
    ck_assert_double_eq(metric_find("crowd", PARLEY_STR("v3")), 2);
}
END_TEST

START_TEST(nothing_is_taken_in_silence)
{
    metric_inc(NULL);
    metric_add(NULL, 1);
    metric_set(NULL, 1);
    ck_assert_double_eq(metric_read(NULL), 0);
    struct metric *m = metric(METRIC_COUNTER, "again", NULL, NULL, PARLEY_NONE);
    metric_inc(m);
    metrics_reset();
    ck_assert_double_eq(metric_read(m), 0);
}
END_TEST

static void *count(void *arg)
{
    struct metric *own = metric(METRIC_COUNTER, "race", NULL, "by", str_of(arg));
    struct metric *all = metric(METRIC_COUNTER, "race_all", NULL, NULL, PARLEY_NONE);
    struct metric *time = metric(METRIC_SECONDS, "race_time", NULL, NULL, PARLEY_NONE);

    for (int i = 0; i < 10000; i++) {
        metric_inc(own);
        metric_inc(all);
        metric_add(all, 2);
        metric_add(time, 0.25);
    }
    return NULL;
}

START_TEST(many_threads_count)
{
    static char names[4][2] = {"a", "b", "c", "d"};
    pthread_t t[4];

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&t[i], NULL, count, names[i]), 0);
    for (int i = 0; i < 20; i++)
        write_page();
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    ck_assert_double_eq(metric_find("race", PARLEY_NONE), 40000);
    ck_assert_double_eq(metric_find("race_all", PARLEY_NONE), 120000);
    has("parley_race_time_seconds_count 40000");
    has("parley_race_time_seconds_sum 10000");
}
END_TEST

/* A family's lines stand together and nothing is empty: what scrapers refuse. */
START_TEST(families_stand_together)
{
    char *seen[64], *line, *rest;
    size_t n = 0;
    char current[128] = "";

    metric_inc(metric(METRIC_COUNTER, "one", "h", "l", PARLEY_STR("a")));
    metric_inc(metric(METRIC_COUNTER, "two", "h", "l", PARLEY_STR("a")));
    metric_inc(metric(METRIC_COUNTER, "one", "h", "l", PARLEY_STR("b")));
    metric_inc(metric(METRIC_COUNTER, "one_b", "h", NULL, PARLEY_NONE));
    char *copy = strdup(write_page());
    for (line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        ck_assert_int_gt((int)strlen(line), 0);
        if (!strncmp(line, "# TYPE ", 7)) {
            sscanf(line + 7, "%127s", current);
            for (size_t i = 0; i < n; i++)
                ck_assert_str_ne(seen[i], current);
            seen[n++] = strdup(current);
        } else if (line[0] != '#') {
            ck_assert_int_eq(strncmp(line, current, strlen(current)), 0);
        }
    }
    ck_assert_uint_eq(n, 3);
    while (n)
        free(seen[--n]);
    free(copy);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("metrics");
    TCase *c = tcase_create("metrics");

    tcase_set_timeout(c, 20);
    tcase_add_test(c, kinds_and_lines);
    tcase_add_test(c, all_ways_of_counting);
    tcase_add_test(c, durations);
    tcase_add_test(c, brief_durations);
    tcase_add_test(c, labels_are_escaped);
    tcase_add_test(c, two_labels);
    tcase_add_test(c, values_are_bounded);
    tcase_add_test(c, nothing_is_taken_in_silence);
    tcase_add_test(c, many_threads_count);
    tcase_add_test(c, families_stand_together);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
