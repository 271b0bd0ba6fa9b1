/* The store's beginning and end: its file, what the sections have, the writer's thread. */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "store/internal.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WINDOW_MS = 5, RETRY_MS = 1000 };

void store_options_of(const struct settings *s, struct store_options *ret)
{
    *ret = (struct store_options){.file = s->server.store,
                                  .bytes = s->server.store_bytes,
                                  .section_bytes = s->server.store_section_bytes,
                                  .keep_free_bytes = s->server.store_keep_free_bytes,
                                  .window_ms = WINDOW_MS,
                                  .retry_ms = RETRY_MS};
}

int store_check(const char *file, char why[256])
{
    char *copy = str_dup(str_of(file)), *folder = copy ? dirname(copy) : NULL;
    struct stat st;
    int error = folder ? 0 : -ENOMEM;

    if (!error && (stat(folder, &st) < 0 || !S_ISDIR(st.st_mode))) {
        error = -ENOTDIR;
        snprintf(why, 256, "there is no folder '%.200s'", folder);
    }
    if (!error && faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) < 0) {
        error = -errno;
        snprintf(why, 256, "the folder '%.200s' cannot be written", folder);
    }
    if (!error && stat(file, &st) == 0 &&
        (!S_ISREG(st.st_mode) || faccessat(AT_FDCWD, file, R_OK | W_OK, AT_EACCESS) < 0)) {
        error = -EACCES;
        snprintf(why, 256, "'%.200s' is not a file that can be read and written", file);
    }
    if (error == -ENOMEM)
        snprintf(why, 256, "there is not enough memory");
    free(copy);
    return error;
}

static int no_memory(char why[256])
{
    snprintf(why, 256, "there is not enough memory for the store");
    return -ENOMEM;
}

static int open_file(struct store *s, char why[256])
{
    int64_t began_ms = clock_mono_ms();
    int error;

    s->file = str_dup(str_of(s->options.file));
    if (!s->file)
        return no_memory(why);
    s->options.file = s->file;
    error = database_open(s->file, &s->database, why);
    if (error)
        return error;
    s->writer = writer_new(s);
    if (!s->writer)
        return no_memory(why);
    /* Where that fails, they are passed over when they are read, and the writer will say why. */
    database_forget_expired(s->database, clock_unix_ms());
    log_event(LOG_LEVEL_INFO, "store_opened", LOG_TEXT("file", s->file),
              LOG_INT("after_ms", clock_mono_ms() - began_ms));
    return 0;
}

int store_open(const struct store_options *o, struct store **ret, char why[256])
{
    struct store *s = calloc(1, sizeof *s);
    int error;

    if (!s)
        return no_memory(why);
    s->options = *o;
    s->metrics.writes =
        metric(METRIC_COUNTER, "store_writes", "Writes to the store", NULL, PARLEY_NONE);
    s->metrics.bytes = metric(METRIC_GAUGE, "store_bytes", "Memory that the store's records take",
                              NULL, PARLEY_NONE);
    error = o->file ? open_file(s, why) : 0;
    if (error) {
        store_close(s);
        return error;
    }
    *ret = s;
    return 0;
}

void store_on_change(struct store *s, void (*changed)(void *arg, int error, const char *why),
                     void *arg)
{
    if (s->writer)
        writer_on_change(s->writer, changed, arg);
}

/* --- what a section has --- */

struct loading {
    struct store_section *section;
    char *why;
    int64_t now_ms;
};

static int bad_row(struct loading *l, const struct database_row *row, int error)
{
    char key[64];

    if (error == -ENOMEM)
        return no_memory(l->why);
    snprintf(l->why, 256, "the record '%s' of the section '%.40s' is not what was written",
             str_printable(row->key, key, sizeof key), l->section->name);
    return -EIO;
}

static int cell_of_row(const struct database_row *row, struct cell **ret)
{
    const struct value *v;
    const char *json_why;
    struct arena a;
    int error = 0;

    if (!row->text.p) {
        *ret = cell_of_int(row->number);
        return *ret ? 0 : -ENOMEM;
    }
    arena_init(&a, 4096);
    error = value_parse(&a, row->text, OUT_DEPTH, UINT32_MAX, &v, &json_why);
    if (!error) {
        *ret = cell_of(v);
        error = *ret ? 0 : -ENOMEM;
    }
    arena_finish(&a);
    return error;
}

static bool good_key(parley_str key)
{
    return key.p && key.n > 0 && key.n <= STORE_KEY_BYTES && !memchr(key.p, 0, key.n);
}

static int see_record(void *arg, const struct database_row *row)
{
    struct loading *l = arg;
    struct cell *c = NULL;
    int error = good_key(row->key) ? 0 : -EINVAL;

    if (!error && row->expires_ms && row->expires_ms <= l->now_ms)
        return 0;
    if (!error)
        error = cell_of_row(row, &c);
    if (!error)
        error = records_set(l->section, row->key, row->expires_ms, c);
    if (!error)
        return 0;
    free(c);
    return bad_row(l, row, error);
}

static int see_timer(void *arg, const struct database_row *row)
{
    struct loading *l = arg;
    int error = good_key(row->key) ? records_timer_set(l->section, row->key, row->number) : -EINVAL;

    return error ? bad_row(l, row, error) : 0;
}

static int load(struct store_section *x, char why[256])
{
    struct loading l = {x, why, clock_unix_ms()};
    int error = database_load(x->store->database, x->name, false, see_record, &l, why);

    return error ? error : database_load(x->store->database, x->name, true, see_timer, &l, why);
}

int store_section(struct store *s, const char *name, struct store_section **ret, char why[256])
{
    struct store_section *x;

    for (x = s->sections; x; x = x->next)
        if (strcmp(x->name, name) == 0) {
            *ret = x;
            return 0;
        }
    x = calloc(1, sizeof *x);
    if (x)
        x->name = str_dup(str_of(name));
    if (!x || !x->name) {
        free(x);
        return no_memory(why);
    }
    x->store = s;
    x->next = s->sections;
    s->sections = x;
    *ret = x;
    return s->database ? load(x, why) : 0;
}

int store_run(struct store *s, char why[256])
{
    return s->writer ? writer_start(s, why) : 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    store_end(s);
    if (s->writer)
        writer_stop(s);
    records_finish(s);
    store_end(s); /* the values of those */
    database_close(s->database);
    writer_free(s->writer);
    free(s->file);
    free(s);
}

void store_tell(struct store *s, struct actor *to, uint32_t mail_kind)
{
    if (s->writer)
        writer_tell(s->writer, to, mail_kind);
}

bool store_await(struct store *s, uint64_t number)
{
    return !s->writer || writer_await(s->writer, number);
}

void store_told(struct store *s)
{
    if (s->writer)
        writer_told(s->writer);
}

void store_fail(struct store *s, int error)
{
    s->error = error;
}
