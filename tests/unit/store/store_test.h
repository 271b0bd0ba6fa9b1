/* What the tests of the store share: a folder of their own, and short words for what plugins do.
 * Included by one file of a program. */
#ifndef TEST_STORE_TEST_H
#define TEST_STORE_TEST_H
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "scratch.h"
#include "store/internal.h"

#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[SCRATCH_BYTES], file[96];
static struct store *s;
static struct store_section *x;
static char why[256];

static inline void make_folder(void)
{
    clock_stop_unix(); /* records expire when a test says so */
    scratch_folder(folder);
    snprintf(file, sizeof file, "%s/parley.db", folder);
    log_setup(LOG_LEVEL_ERROR + 1, LOG_FORMAT_TEXT, STDERR_FILENO);
}

static inline void remove_folder(void)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal", ".copy"};
    char name[128];

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(name, sizeof name, "%s%s", file, ends[i]);
        unlink(name);
    }
    ck_assert_msg(rmdir(folder) == 0, "%s is not empty", folder);
}

/* NULL: in memory. */
static inline struct store_options options_of(const char *name)
{
    return (struct store_options){
        .file = name, .bytes = 64 << 20, .section_bytes = 32 << 20, .window_ms = 1, .retry_ms = 5};
}

static inline void open_with(const struct store_options *o)
{
    ck_assert_msg(store_open(o, &s, why) == 0, "%s", why);
    ck_assert_msg(store_section(s, "x", &x, why) == 0, "%s", why);
    ck_assert_msg(store_run(s, why) == 0, "%s", why);
}

static inline void open_store(const char *name)
{
    struct store_options o = options_of(name);

    open_with(&o);
}

static inline void close_store(void)
{
    store_close(s);
    s = NULL;
}

/* One member: {"KEY":VALUE}; a value that is no number is a string. */
static inline int put(struct store_section *to, const char *key, const char *member,
                      const char *value)
{
    struct out o;
    char *end;
    long number = strtol(value, &end, 10);

    out_init(&o, 0);
    if (*end || !*value)
        out_put_str(&o.pub, member, str_of(value));
    else
        out_put_int(&o.pub, member, number);
    return store_put(to, key, &o);
}

/* The record as JSON; "" when there is none. Valid until the next call. */
static inline const char *json(struct store_section *of, const char *key)
{
    static struct out o;

    out_finish_memory(&o);
    out_init(&o, 0);
    out_put_value(&o.pub, "v", store_get(of, key));
    ck_assert_int_eq(out_end(&o), 0);
    if (o.text.n < 6)
        return "";
    o.text.p[o.text.n - 1] = '\0'; /* without {"v": and } */
    return o.text.p + 5;
}

/* Until all of it is on the disk. The mail comes to an actor of its own. */
struct waiter {
    struct actor actor;
    struct loop loop;
};
static inline void on_waiter_mail(struct actor *a, struct mail *m)
{
    struct waiter *w = (struct waiter *)a;

    (void)m;
    store_told(s);
    ev_break(w->loop.ev, EVBREAK_ALL);
}

static inline __attribute__((unused)) void sync_store(void)
{
    struct waiter w;

    memset(&w, 0, sizeof w);
    w.actor.name = "waiter";
    w.actor.domain = DOMAIN_HUB;
    w.actor.on_mail = on_waiter_mail;
    store_end(s);
    ck_assert_int_eq(loop_init(&w.loop, false), 0);
    loop_add(&w.loop, &w.actor);
    store_tell(s, &w.actor, MAIL_FIRST);
    while (!store_await(s, s->number))
        loop_run(&w.loop);
    store_tell(s, NULL, 0);
    loop_drain(&w.loop);
    loop_finish(&w.loop);
}

static inline __attribute__((unused)) int run_suite(const char *name, TCase *t,
                                                    void (*before)(void), void (*after)(void))
{
    Suite *suite = suite_create(name);
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, before, after);
    suite_add_tcase(suite, t);
    r = srunner_create(suite);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
#endif
