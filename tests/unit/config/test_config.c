/* config/config: an INI is understood whole or refused, and every fault is told with its line. */
#include "base/str.h"
#include "config/config.h"
#include "scratch.h"

#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct config c;
static char *report;

static void read_text(const char *text)
{
    config_finish(&c);
    ck_assert_int_eq(config_read_text(&c, "test.ini", text), 0);
}

/* All faults as they are printed. */
static const char *reported(void)
{
    size_t n;
    free(report);
    FILE *f = open_memstream(&report, &n);
    ck_assert_int_eq(config_report(&c, f), c.fault_count);
    fclose(f);
    return report;
}

static void assert_faults(const char *text, const char *expected)
{
    read_text(text);
    ck_assert_str_eq(reported(), expected);
}

static const char *value(const char *kind, const char *name, const char *channel, const char *key)
{
    const struct config_section *s = config_find(&c, kind, str_of(name), str_of(channel));
    ck_assert_msg(s != NULL, "no [%s %s]", kind, name != NULL ? name : "");
    const struct config_key *k = config_key(s, key);
    return k == NULL ? NULL : k->value.p;
}

START_TEST(sections_keys_and_comments)
{
    read_text("\xef\xbb\xbf# a comment\r\n; another\n\n"
              "[server]\r\n"
              "listen = 127.0.0.1:8080 ; why\r\n"
              "  \tpumps\t=\t2\t# how many\n"
              "  # an indented comment = 1\n"
              "empty =\n"
              "equals = a=b:c;d#e\n"
              "comment_only = # nothing\n"
              "  indented = is a key of its own\n"
              "[ hub\trate_limit ] ; one\n"
              "burst=30\n"
              "[hub rate_limit in Off Topic]\n"
              "burst = 5");
    ck_assert_str_eq(reported(), "");
    ck_assert_str_eq(value("server", NULL, NULL, "listen"), "127.0.0.1:8080");
    ck_assert_str_eq(value("server", NULL, NULL, "pumps"), "2");
    ck_assert_str_eq(value("server", NULL, NULL, "empty"), "");
    ck_assert_str_eq(value("server", NULL, NULL, "equals"), "a=b:c;d#e");
    ck_assert_str_eq(value("server", NULL, NULL, "comment_only"), "");
    ck_assert_str_eq(value("server", NULL, NULL, "indented"), "is a key of its own");
    ck_assert_ptr_null(value("server", NULL, NULL, "burst"));
    ck_assert_str_eq(value("hub", "rate_limit", NULL, "burst"), "30");
    ck_assert_str_eq(value("hub", "rate_limit", "off topic", "burst"), "5");
    ck_assert_ptr_null(config_find(&c, "hub", PARLEY_STR("rate"), PARLEY_NONE));
    ck_assert_ptr_null(config_find(&c, "hub", PARLEY_STR("rate_limit"), PARLEY_STR("off")));
    ck_assert_ptr_null(config_key(NULL, "x"));
    const struct config_section *s = c.sections;
    ck_assert_int_eq(s->line, 4);
    ck_assert_int_eq(s->keys->line, 5);
    ck_assert_int_eq(s->keys->next->line, 6);
    ck_assert_int_eq(s->next->line, 12);
    ck_assert_str_eq(s->next->next->channel.p, "Off Topic");
    ck_assert_ptr_null(s->next->next->next);
}
END_TEST

START_TEST(an_empty_file_is_a_configuration)
{
    read_text("");
    ck_assert_ptr_null(c.sections);
    read_text("\n\n");
    ck_assert_ptr_null(c.sections);
    ck_assert_str_eq(reported(), "");
}
END_TEST

START_TEST(lines_that_are_nothing)
{
    assert_faults(
        "[server]\nlisten\n= 5\nlisten: x\nfoo ; = bar\n",
        "test.ini:2: 'listen' is neither '[section]' nor 'key = value' nor a comment\n"
        "test.ini:3: a key's name is missing before '= 5'\n"
        "test.ini:4: a key and its value are joined by '=', not by ':'\n"
        "test.ini:5: 'foo ; = bar' is neither '[section]' nor 'key = value' nor a comment\n");
    assert_faults("listen = x\n[server]\nlast",
                  "test.ini:1: the key 'listen' stands before any section\n"
                  "test.ini:3: 'last' is neither '[section]' nor 'key = value' nor a comment\n");
}
END_TEST

START_TEST(broken_heads_swallow_their_keys)
{
    read_text("[server]\npumps = 1\n[hub mute\npumps = 2\n[]\npumps = 3\n[log] oops\npumps = "
              "4\n[log]\nlevel = info\n");
    ck_assert_str_eq(reported(),
                     "test.ini:3: the section head '[hub mute' has no ']'\n"
                     "test.ini:5: a section needs a kind, such as [server] or [hub rate_limit]\n"
                     "test.ini:7: only a comment may follow ']', not 'oops'\n");
    ck_assert_str_eq(value("server", NULL, NULL, "pumps"), "1");
    ck_assert_ptr_null(config_find(&c, "server", PARLEY_NONE, PARLEY_NONE)->keys->next);
    ck_assert_str_eq(value("log", NULL, NULL, "level"), "info");
}
END_TEST

START_TEST(heads_that_are_wrong_say_what_is_right)
{
    assert_faults(
        "[hubb mute]\nx = 1\n",
        "test.ini:1: unknown kind of section 'hubb' in [hubb mute] (did you mean 'hub'?)\n");
    assert_faults(
        "[Server]\n",
        "test.ini:1: unknown kind of section 'Server' in [Server] (did you mean 'server'?)\n");
    assert_faults(
        "[database]\n",
        "test.ini:1: unknown kind of section 'database' in [database]: there are server, admin, "
        "discovery, log, auth, protocol, type, hub and plugin\n");
    assert_faults("[server main]\n",
                  "test.ini:1: [server main]: there is one [server], without a name\n");
    assert_faults("[hub]\n", "test.ini:1: [hub] needs a name, such as [hub rate_limit]\n");
    assert_faults("[auth]\n", "test.ini:1: [auth] needs a name, such as [auth jwt]\n");
    assert_faults(
        "[hub ../evil]\n",
        "test.ini:1: [hub ../evil]: a name has letters, digits, '_' and '-', at most 64 of them\n");
    assert_faults("[hub a b]\n", "test.ini:1: [hub a b]: after the name only 'in CHANNEL' may "
                                 "stand, as in [hub a in general]\n");
    assert_faults("[hub a in]\n", "test.ini:1: [hub a in]: after the name only 'in CHANNEL' may "
                                  "stand, as in [hub a in general]\n");
    assert_faults(
        "[auth jwt in x]\n",
        "test.ini:1: [auth jwt in x]: after the name nothing may stand, as in [auth jwt]\n");
}
END_TEST

START_TEST(nothing_stands_twice)
{
    assert_faults(
        "[server]\npumps = 1\npumps = 2\n"
        "[hub a in General]\n[hub a]\n[hub a in general]\n"
        "[server]\npumps = 3\nlisten = x\nlisten = y\n[server]\n",
        "test.ini:3: the key 'pumps' stands twice in [server], the first time in line 2\n"
        "test.ini:6: [hub a in general] stands twice, the first time in line 4\n"
        "test.ini:7: [server] stands twice, the first time in line 1\n"
        "test.ini:10: the key 'listen' stands twice in [server], the first time in line 9\n"
        "test.ini:11: [server] stands twice, the first time in line 1\n");
    int n = 0;
    for (struct config_section *s = c.sections; s != NULL; s = s->next)
        n++;
    ck_assert_int_eq(n, 3);
    assert_faults("[hub a]\n[hub b]\n[plugin a]\n[type a]\n", "");
}
END_TEST

START_TEST(long_lines_are_whole_or_refused)
{
    char text[9000] = "[server]\nlisten = ";
    size_t n = strlen(text);
    memset(text + n, 'x', 4095 - 9);
    strcpy(text + n + 4095 - 9, "\npumps = 1\n");
    read_text(text);
    ck_assert_str_eq(reported(), "");
    ck_assert_uint_eq(strlen(value("server", NULL, NULL, "listen")), 4095 - 9);
    ck_assert_str_eq(value("server", NULL, NULL, "pumps"), "1");
    memset(text + n, 'x', 4096 - 9);
    strcpy(text + n + 4096 - 9, "\npumps = 1\n");
    assert_faults(text, "test.ini:2: a line of 4096 bytes; 4095 are the most\n");
    ck_assert_ptr_null(value("server", NULL, NULL, "listen"));
    ck_assert_str_eq(value("server", NULL, NULL, "pumps"), "1");
    for (n = 10; n < 500; n++) { /* around the lengths at which inih itself would cut */
        snprintf(text, sizeof text, "[server]\nk = %0*d ; %0*d\n", (int)n, 7, (int)(n / 2), 1);
        read_text(text);
        ck_assert_str_eq(reported(), "");
        ck_assert_uint_eq(strlen(value("server", NULL, NULL, "k")), n);
    }
    memset(text, 0, sizeof text);
    strcpy(text, "[server]\na = 1\n[");
    memset(text + strlen(text), 'x', 5000);
    strcat(text, "\nb = 1\n");
    assert_faults(text, "test.ini:3: a line of 5001 bytes; 4095 are the most\n");
    ck_assert_ptr_null(value("server", NULL, NULL, "b")); /* it may have been of another section */
}
END_TEST

static char path[SCRATCH_BYTES];

static void write_file(const void *bytes, size_t n)
{
    int fd = scratch_file(path);
    ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
    close(fd);
}

START_TEST(bytes_that_are_no_text)
{
    static const char text[] =
        "[server]\na = x\0y\n# \xff\nb = \x1b[2J\nc = d\re\n[log\x01]\nlevel = info\n";
    write_file(text, sizeof text - 1);
    ck_assert_int_eq(config_read_file(&c, path), 0);
    char expected[1000];
    snprintf(expected, sizeof expected,
             "%s:2: the line holds the control character \\x00\n%s:3: the line is not valid UTF-8\n"
             "%s:4: the line holds the control character \\x1b\n%s:5: the line holds the control "
             "character \\x0d\n"
             "%s:6: the line holds the control character \\x01\n",
             path, path, path, path, path);
    ck_assert_str_eq(reported(), expected);
    ck_assert_ptr_null(config_find(&c, "server", PARLEY_NONE, PARLEY_NONE)->keys);
    unlink(path);
}
END_TEST

START_TEST(a_file_is_read_or_said_to_be_unreadable)
{
    write_file("[log]\nlevel = info\n", 19);
    ck_assert_int_eq(config_read_file(&c, path), 0);
    ck_assert_str_eq(value("log", NULL, NULL, "level"), "info");
    ck_assert_str_eq(c.file.p, path);
    unlink(path);
    config_finish(&c);
    ck_assert_int_eq(config_read_file(&c, "/nonexistent/parley.ini"), -ENOENT);
    ck_assert_str_eq(reported(),
                     "/nonexistent/parley.ini: cannot be read: No such file or directory\n");
    config_finish(&c);
    ck_assert_int_eq(config_read_file(&c, "/tmp"), -EISDIR);
    ck_assert_str_eq(reported(), "/tmp: cannot be read: Is a directory\n");
    config_finish(&c);
    size_t n = (1 << 20) + 1;
    char *much = malloc(n);
    memset(much, '\n', n);
    write_file(much, n);
    ck_assert_int_eq(config_read_file(&c, path), -E2BIG);
    ck_assert_ptr_nonnull(strstr(reported(), ": is larger than 1048576 bytes\n"));
    config_finish(&c);
    ck_assert_int_eq(truncate(path, (off_t)n - 1), 0);
    ck_assert_int_eq(config_read_file(&c, path), 0);
    unlink(path);
    free(much);
}
END_TEST

START_TEST(faults_are_told_in_the_order_of_lines)
{
    read_text("[server]\n\n\nbad\n");
    config_fault(&c, 2, "two %s", "\x1b[2J\nforged:1: line");
    config_fault(&c, 4, "second of four");
    config_fault(&c, 0, "the whole");
    config_fault(&c, 1, "one");
    const char *expected =
        "test.ini: the whole\ntest.ini:1: one\ntest.ini:2: two \\x1b[2J\\x0aforged:1: line\n"
        "test.ini:4: 'bad' is neither '[section]' nor 'key = value' nor a comment\n"
        "test.ini:4: second of four\n";
    ck_assert_str_eq(reported(), expected);
    ck_assert_str_eq(reported(), expected);
    ck_assert_int_eq(c.fault_count, 5);
}
END_TEST

START_TEST(a_hundred_thousand_faults_take_no_time)
{
    char *text = malloc(300001);
    for (int i = 0; i < 100000; i++)
        memcpy(text + (ptrdiff_t)3 * i, "bad", 3), text[3 * i + 2] = '\n';
    text[300000] = '\0';
    read_text(text);
    ck_assert_int_eq(c.fault_count, 100000);
    reported();
    free(text);
}
END_TEST

START_TEST(unused_sections_are_faults)
{
    read_text("[server]\n[plugin poll]\n[hub mute in general]\n");
    c.sections->used = true;
    ck_assert_int_eq(config_unused(&c), 2);
    ck_assert_str_eq(
        reported(),
        "test.ini:2: nothing uses the section [plugin poll]\n"
        "test.ini:3: [hub mute in general] changes nothing: there is no [hub mute] beside it\n");
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
    Suite *suite = suite_create("config/config");
    TCase *t = tcase_create("config");
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, start, stop);
    tcase_add_test(t, sections_keys_and_comments);
    tcase_add_test(t, an_empty_file_is_a_configuration);
    tcase_add_test(t, lines_that_are_nothing);
    tcase_add_test(t, broken_heads_swallow_their_keys);
    tcase_add_test(t, heads_that_are_wrong_say_what_is_right);
    tcase_add_test(t, nothing_stands_twice);
    tcase_add_test(t, long_lines_are_whole_or_refused);
    tcase_add_test(t, bytes_that_are_no_text);
    tcase_add_test(t, a_file_is_read_or_said_to_be_unreadable);
    tcase_add_test(t, faults_are_told_in_the_order_of_lines);
    tcase_add_test(t, a_hundred_thousand_faults_take_no_time);
    tcase_add_test(t, unused_sections_are_faults);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
