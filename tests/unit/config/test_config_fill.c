/* config/config_fill: a section's keys become a struct by a table, or faults that say what is
 * allowed. */
#include "base/str.h"
#include "config/config.h"

#include <check.h>
#include <stdlib.h>

struct options {
    const char *url, *key;
    int64_t window_ms, burst, bytes;
    double threshold;
    parley_list roles;
    bool mask;
};
static const parley_field fields[] = {
    PARLEY_OPTION("url", PARLEY_STRING, struct options, url, "http://*|https://*", NULL,
                  PARLEY_REQUIRED, "Where it listens"),
    PARLEY_OPTION("key", PARLEY_STRING, struct options, key, "1..4", NULL, PARLEY_SECRET,
                  "A password"),
    PARLEY_OPTION("window", PARLEY_DURATION, struct options, window_ms, "1s..1h", "60s",
                  PARLEY_PER_CHANNEL, ""),
    PARLEY_OPTION("burst", PARLEY_INT, struct options, burst, "1..100", "30", PARLEY_PER_CHANNEL,
                  ""),
    PARLEY_OPTION("bytes", PARLEY_SIZE, struct options, bytes, NULL, NULL, 0, ""),
    PARLEY_OPTION("threshold", PARLEY_NUMBER, struct options, threshold, "0..2", "0.5", 0, ""),
    PARLEY_OPTION("roles", PARLEY_LIST, struct options, roles, "0..3", "admin", PARLEY_PER_CHANNEL,
                  ""),
    PARLEY_OPTION("mask", PARLEY_BOOL, struct options, mask, NULL, "yes", 0, ""),
};
static const parley_table table = PARLEY_TABLE(fields);
static const char *const reserved[] = {"plugin", "on_error", NULL};

static struct config c;
static char *report;

static int fill(const char *text, const parley_table *fields_, const void *base,
                struct options *into)
{
    config_finish(&c);
    ck_assert_int_eq(config_read_text(&c, "t", text), 0);
    return config_fill(&c, c.sections, fields_, reserved, base, into, sizeof *into);
}

static const char *reported(void)
{
    size_t n;
    free(report);
    FILE *f = open_memstream(&report, &n);
    config_report(&c, f);
    fclose(f);
    return report;
}

START_TEST(defaults_come_first)
{
    struct options o;
    memset(&o, 0x5a, sizeof o);
    ck_assert_int_eq(fill("[hub x]\nurl = http://a\nburst = 7\n", &table, NULL, &o), 0);
    ck_assert_str_eq(reported(), "");
    ck_assert_str_eq(o.url, "http://a");
    ck_assert_ptr_null(o.key);
    ck_assert_int_eq(o.window_ms, 60000);
    ck_assert_int_eq(o.burst, 7);
    ck_assert_int_eq(o.bytes, 0);
    ck_assert_double_eq(o.threshold, 0.5);
    ck_assert_uint_eq(o.roles.n, 1);
    ck_assert_str_eq(o.roles.items[0].p, "admin");
    ck_assert(o.mask);
    ck_assert(c.sections->used && c.sections->keys->used && c.sections->keys->next->used);
    ck_assert_int_eq(config_unused(&c), 0);
}
END_TEST

START_TEST(every_value_is_taken)
{
    struct options o;
    ck_assert_int_eq(
        fill(
            "[hub x]\nurl = https://b/?a=1#frag\nkey = s3\nwindow = 5m\nburst = 100\nbytes = 2MiB\n"
            "threshold = 2\nroles =\nmask = off\nplugin = /x.so\non_error = pass\n",
            &table, NULL, &o),
        0);
    ck_assert_str_eq(o.url, "https://b/?a=1#frag");
    ck_assert_str_eq(o.key, "s3");
    ck_assert_int_eq(o.window_ms, 300000);
    ck_assert_int_eq(o.bytes, 2 << 20);
    ck_assert_double_eq(o.threshold, 2);
    ck_assert_uint_eq(o.roles.n, 0);
    ck_assert(!o.mask);
    ck_assert(!config_key(c.sections, "plugin")->used); /* left to the caller */
}
END_TEST

START_TEST(every_fault_is_told)
{
    struct options o;
    ck_assert_int_eq(fill("[hub x]\nwindoww = 1s\nwindow = 60\nburst =\nkey = hunter2\nroles = "
                          "a,,b\nthreshold = 9\n"
                          "on_eror = pass\nzzz = 1\n",
                          &table, NULL, &o),
                     -EINVAL);
    ck_assert_str_eq(
        reported(),
        "t:1: [hub x]: 'url' is missing; it has no default (Where it listens)\n"
        "t:2: unknown key 'windoww' in [hub x] (did you mean 'window'?)\n"
        "t:3: [hub x]: 'window' must be a duration such as '60s' or '5m', not '60'\n"
        "t:4: [hub x]: 'burst' has no value: write one, or leave the line out\n"
        "t:5: [hub x]: 'key' must be 1 to 4 characters long\n"
        "t:6: [hub x]: 'roles' must not have an empty item: a comma stands between two items\n"
        "t:7: [hub x]: 'threshold' must be from 0 to 2, not '9'\n"
        "t:8: unknown key 'on_eror' in [hub x] (did you mean 'on_error'?)\n"
        "t:9: unknown key 'zzz' in [hub x], whose keys are: url, key, window, burst, bytes, "
        "threshold, roles, "
        "mask, plugin, on_error\n");
    ck_assert_int_eq(o.window_ms, 60000); /* what is wrong leaves the default */
    const parley_table none = {0};
    config_finish(&c);
    ck_assert_int_eq(config_read_text(&c, "t", "[type typing]\nx = 1\n"), 0);
    ck_assert_int_eq(config_fill(&c, c.sections, &none, NULL, NULL, NULL, 0), -EINVAL);
    ck_assert_str_eq(reported(), "t:2: unknown key 'x' in [type typing], which has no keys\n");
}
END_TEST

START_TEST(a_bad_value_of_a_required_key_is_one_fault)
{
    struct options o;
    ck_assert_int_eq(fill("[hub x]\nurl = ftp://x\n", &table, NULL, &o), -EINVAL);
    ck_assert_str_eq(reported(),
                     "t:2: [hub x]: 'url' must match 'http://*' or 'https://*', not 'ftp://x'\n");
}
END_TEST

START_TEST(a_channel_changes_what_may_differ)
{
    struct options base, o;
    ck_assert_int_eq(
        fill("[hub x]\nurl = http://a\nwindow = 2s\nthreshold = 1\n", &table, NULL, &base), 0);
    struct config first = c;
    c = (struct config){0};
    ck_assert_int_eq(fill("[hub x in gaming]\nburst = 99\nroles = a, b\n", &table, &base, &o), 0);
    ck_assert_int_eq(o.burst, 99);
    ck_assert_uint_eq(o.roles.n, 2);
    ck_assert_int_eq(o.window_ms, 2000);
    ck_assert_double_eq(o.threshold, 1);
    ck_assert_str_eq(o.url, "http://a");
    ck_assert_int_eq(base.burst, 30);
    ck_assert_int_eq(
        fill("[hub x in gaming]\nurl = http://b\nmaks = no\nbust = 1\n", &table, &base, &o),
        -EINVAL);
    ck_assert_str_eq(reported(),
                     "t:2: [hub x in gaming]: 'url' is the same in all channels: it belongs into "
                     "the section without a channel\n"
                     "t:3: unknown key 'maks' in [hub x in gaming], whose keys are: window, burst, "
                     "roles, plugin, on_error\n"
                     "t:4: unknown key 'bust' in [hub x in gaming] (did you mean 'burst'?)\n");
    config_finish(&first);
}
END_TEST

START_TEST(defaults_alone)
{
    struct options o;
    ck_assert_int_eq(config_read_text(&c, "t", ""), 0);
    ck_assert_int_eq(config_fill(&c, NULL, &table, NULL, NULL, &o, sizeof o), -EINVAL);
    ck_assert_str_eq(reported(), "t: 'url' is missing; it has no default (Where it listens)\n");
    ck_assert_int_eq(o.burst, 30);
}
END_TEST

START_TEST(a_table_that_lies_writes_nothing)
{
    struct options o;
    parley_field bad[] = {fields[2], fields[3], fields[4], fields[7], fields[3]};
    bad[0].offset = sizeof o;     /* behind it */
    bad[1].size = 4;              /* an int in the plugin's struct */
    bad[2].offset = (uint32_t)-8; /* wraps */
    bad[2].dflt = "1B";
    bad[3].kind = 99;
    bad[4].offset = 1;
    const parley_table lies = PARLEY_TABLE(bad);
    ck_assert_int_eq(fill("[hub x]\n", &lies, NULL, &o), -EINVAL);
    ck_assert_int_eq(c.fault_count, 5);
    ck_assert_ptr_nonnull(
        strstr(reported(), "t:1: [hub x]: 'window' has no fitting place in the options"));
    for (size_t i = 0; i < sizeof o; i++)
        ck_assert_int_eq(((char *)&o)[i], 0);
    parley_field wrong_default = fields[3];
    wrong_default.dflt = "1000";
    const parley_table wrong = {&wrong_default, 1, sizeof wrong_default};
    ck_assert_int_eq(fill("[hub x]\n", &wrong, NULL, &o), -EINVAL);
    ck_assert_str_eq(reported(), "t:1: [hub x]: 'burst' must be from 1 to 100, not '1000'\n");
}
END_TEST

START_TEST(entries_of_another_sdk_have_another_size)
{
    struct {
        parley_field field;
        char added_later[24];
    } wide[2] = {{fields[3], "xxxxxxxxxxxxxxxxxxxxxxx"}, {fields[7], "xxxxxxxxxxxxxxxxxxxxxxx"}};
    const parley_table newer = PARLEY_TABLE(wide);
    struct options o;
    ck_assert_int_eq(fill("[hub x]\nburst = 5\n", &newer, NULL, &o), 0);
    ck_assert_int_eq(o.burst, 5);
    ck_assert(o.mask);
    size_t short_size = offsetof(parley_field, offset); /* one that says nothing of its place */
    void *narrow = malloc(short_size);
    memcpy(narrow, &fields[3], short_size);
    const parley_table older = {narrow, 1, (uint32_t)short_size};
    ck_assert_int_eq(fill("[hub x]\n", &older, NULL, &o), -EINVAL);
    ck_assert_int_eq(c.fault_count, 1);
    free(narrow);
}
END_TEST

static void start(void)
{
    c = (struct config){0};
}

static void stop(void)
{
    config_finish(&c);
    free(report);
    report = NULL;
}

int main(void)
{
    Suite *suite = suite_create("config/config_fill");
    TCase *t = tcase_create("config_fill");
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, start, stop);
    tcase_add_test(t, defaults_come_first);
    tcase_add_test(t, every_value_is_taken);
    tcase_add_test(t, every_fault_is_told);
    tcase_add_test(t, a_bad_value_of_a_required_key_is_one_fault);
    tcase_add_test(t, a_channel_changes_what_may_differ);
    tcase_add_test(t, defaults_alone);
    tcase_add_test(t, a_table_that_lies_writes_nothing);
    tcase_add_test(t, entries_of_another_sdk_have_another_size);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
