/* What the tests of script share: a hub with a script of the test's, and what it put in the log. */
#ifndef TEST_SCRIPT_H
#define TEST_SCRIPT_H
#include "base/log.h"
#include "moderation.h"

#include <fcntl.h>

#define RULE(body) "function message(m)\n" body "\nend\n"

static const char *script; /* the file that is being tested */

static inline void start_more(const char *lua, const char *more)
{
    char sections[2048];

    script = file_of(lua);
    snprintf(sections, sizeof sections, "[hub script]\nfile = %s\n%s", script, more);
    start(sections);
}

static inline void start_script(const char *lua)
{
    start_more(lua, "");
}

/* Standard error into a file, to see what is logged. */
static int log_file, stderr_was;

static inline void catch_log(void)
{
    static const char *name;

    name = file_of("");
    log_file = open(name, O_RDWR | O_APPEND);
    ck_assert_int_ge(log_file, 0);
    stderr_was = dup(2);
    ck_assert_int_eq(dup2(log_file, 2), 2);
    log_setup(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT, 2);
}

/* The file and line, and the words, are in what was logged since the last time. */
static inline void logged(int line, const char *words)
{
    char text[65536], where[128];
    ssize_t n = pread(log_file, text, sizeof text - 1, 0);

    ck_assert_int_ge(n, 0);
    text[n] = 0;
    ck_assert_int_eq(ftruncate(log_file, 0), 0);
    snprintf(where, sizeof where, "%s:%d: ", script, line);
    if (line == 0)
        snprintf(where, sizeof where, "%s: ", script);
    ck_assert_msg(strstr(text, where) && strstr(text, words), "expected %s%s in\n%s", where, words,
                  text);
}

static inline void fails(const char *text)
{
    ck_assert(!says(ada, text));
    told(ada, "unavailable", "cannot be judged");
}
#endif
