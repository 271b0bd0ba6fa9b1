/* Numbers about the daemon, and the page that shows them.
 *
 * A family is a name with its kind; a series is one set of labels of it. Looking one up takes the
 * lock; counting never does. Series are never freed, so whoever has a pointer keeps it for good;
 * their number is bounded, because label values may come from strangers.
 */
#include "base/metrics.h"

#include "base/buf.h"
#include "base/str.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define HASH_NONFATAL_OOM           1
#define uthash_nonfatal_oom(object) ((void)(object))
#include <uthash.h>

#define SERIES_MAX  1000
#define NAME_BYTES  128
#define VALUE_BYTES 256  /* of one label, as it is shown */
#define LABEL_BYTES 1400 /* of both, escaped */
#define CACHE_LINE  64

#define BOUNDS      18

static const double seconds[BOUNDS] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                       0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                       1,      2.5,     5,      10,    30,     60};
static const double brief[BOUNDS] = {0.000001, 0.0000025, 0.000005, 0.00001, 0.000025, 0.00005,
                                     0.0001,   0.00025,   0.0005,   0.001,   0.0025,   0.005,
                                     0.01,     0.025,     0.05,     0.1,     1,        10};

struct family;
struct metric {
    _Atomic double value;      /* what was added or set; of a histogram their sum */
    _Atomic uint64_t count;    /* of a counter what was added one by one */
    _Atomic uint64_t *buckets; /* of a histogram: BOUNDS + 1, not cumulative; else NULL */
    enum metric_kind kind;
    /* from here on under the lock */
    struct metric *next; /* of the family, in the order of their making */
    char *labels;        /* `a="x",b="y"`, escaped; "": none. Key of the hash */
    char *values[2];
    UT_hash_handle hh;
} __attribute__((aligned(CACHE_LINE)));

struct family {
    struct family *next; /* by name */
    char name[NAME_BYTES];
    enum metric_kind kind;
    char *help; /* NULL: none */
    struct metric *by_labels, *first, *last;
    unsigned count;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct family *families;

/* The name as the format wants it: what may not stand in one becomes '_'. */
static void clean_name(const char *name, enum metric_kind kind, char out[NAME_BYTES])
{
    size_t n = 0;

    for (; n < NAME_BYTES - 1 && name[n]; n++) {
        char c = name[n];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        out[n] = good ? c : '_';
    }
    out[n] = '\0';
    if (kind == METRIC_COUNTER && n > 6 && !strcmp(out + n - 6, "_total"))
        out[n - 6] = '\0';
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && !strcmp(s + n - m, end);
}

static struct family *family_of(enum metric_kind kind, const char *raw, const char *help)
{
    char name[NAME_BYTES];
    struct family **at = &families;

    clean_name(raw, kind, name);
    while (*at && strcmp((*at)->name, name) < 0)
        at = &(*at)->next;
    if (*at && !strcmp((*at)->name, name))
        return (*at)->kind == kind ? *at : NULL;
    struct family *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    memcpy(f->name, name, sizeof name);
    f->kind = kind;
    f->help = help ? strdup(help) : NULL;
    f->next = *at;
    *at = f;
    return f;
}

/* Text between quotes, or after # HELP. */
static void add_escaped(struct buf *to, const char *s)
{
    for (; *s; s++) {
        if (*s == '\n')
            buf_add_cstr(to, "\\n");
        else if (*s == '"' || *s == '\\')
            buf_add(to, (char[]){'\\', *s}, 2);
        else
            buf_add_char(to, *s);
    }
}

/* A label's value as it will be shown: bounded, valid UTF-8, and nothing that a terminal would
 * obey. */
static char *clean_value(parley_str v)
{
    char out[VALUE_BYTES];

    return strdup(str_printable(v, out, sizeof out));
}

static void free_metric(struct metric *m)
{
    free(m->labels);
    free(m->values[0]);
    free(m->values[1]);
    free(m->buckets);
    free(m);
}

/* A series that is in no family yet. NULL: no memory. */
static struct metric *new_metric(enum metric_kind kind, const char *const keys[2],
                                 const parley_str values[2])
{
    struct metric *m = aligned_alloc(CACHE_LINE, sizeof *m);
    struct buf labels;

    if (!m)
        return NULL;
    memset(m, 0, sizeof *m);
    m->kind = kind;
    buf_init(&labels, LABEL_BYTES);
    for (int i = 0; i < 2; i++) {
        char key[NAME_BYTES];
        if (!keys[i])
            continue;
        m->values[i] = clean_value(values[i]);
        if (!m->values[i])
            goto fail;
        clean_name(keys[i], METRIC_GAUGE, key);
        buf_addf(&labels, "%s%s=\"", labels.n ? "," : "", key);
        add_escaped(&labels, m->values[i]);
        buf_add_char(&labels, '"');
    }
    if (labels.error)
        goto fail;
    m->labels = strdup(labels.p ? labels.p : "");
    if (!m->labels)
        goto fail;
    if (kind >= METRIC_SECONDS) {
        size_t bytes = (BOUNDS + 1) * sizeof *m->buckets;
        m->buckets = aligned_alloc(CACHE_LINE, (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
        if (!m->buckets)
            goto fail;
        for (size_t i = 0; i <= BOUNDS; i++)
            atomic_init(&m->buckets[i], 0);
    }
    buf_finish(&labels);
    return m;
fail:
    buf_finish(&labels);
    free_metric(m);
    return NULL;
}

static struct metric *series_of(struct family *f, const char *const keys[2],
                                const parley_str values[2])
{
    struct metric *m = new_metric(f->kind, keys, values), *known = NULL;

    if (!m)
        return NULL;
    HASH_FIND_STR(f->by_labels, m->labels, known);
    if (known || (f->count >= SERIES_MAX && keys[0])) {
        free_metric(m);
        return known;
    }
    HASH_ADD_KEYPTR(hh, f->by_labels, m->labels, strlen(m->labels), m);
    if (!m->hh.tbl) {
        free_metric(m);
        return NULL;
    }
    if (f->last)
        f->last->next = m;
    else
        f->first = m;
    f->last = m;
    f->count++;
    return m;
}

struct metric *metric2(enum metric_kind kind, const char *name, const char *help, const char *key1,
                       parley_str value1, const char *key2, parley_str value2)
{
    const char *keys[2] = {key1, key2};
    parley_str values[2] = {value1, value2};
    struct metric *m = NULL;

    pthread_mutex_lock(&lock);
    struct family *f = family_of(kind, name, help);
    if (f) {
        m = series_of(f, keys, values);
        if (!m && f->count >= SERIES_MAX && key1) { /* full: the last label gives way */
            unsigned real = f->count;
            values[key2 ? 1 : 0] = PARLEY_STR("other");
            f->count = 0;
            m = series_of(f, keys, values);
            f->count += real;
        }
    }
    pthread_mutex_unlock(&lock);
    return m;
}

struct metric *metric(enum metric_kind kind, const char *name, const char *help,
                      const char *label_key, parley_str label_value)
{
    return metric2(kind, name, help, label_key, label_value, NULL, PARLEY_NONE);
}

static void add(_Atomic double *to, double v)
{
    double was = atomic_load_explicit(to, memory_order_relaxed);

    while (!atomic_compare_exchange_weak_explicit(to, &was, was + v, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

static const double *bounds_of(enum metric_kind kind)
{
    return kind == METRIC_BRIEF ? brief : seconds;
}

void metric_add(struct metric *m, double v)
{
    if (!m || isnan(v) || (v < 0 && m->kind != METRIC_GAUGE))
        return;
    if (m->kind == METRIC_COUNTER && v == 1) {
        metric_inc(m);
        return;
    }
    if (m->buckets) {
        const double *bounds = bounds_of(m->kind);
        size_t i = 0;
        while (i < BOUNDS && v > bounds[i])
            i++;
        atomic_fetch_add_explicit(&m->buckets[i], 1, memory_order_relaxed);
    }
    add(&m->value, v);
}

void metric_inc(struct metric *m)
{
    if (m && m->kind == METRIC_COUNTER)
        atomic_fetch_add_explicit(&m->count, 1, memory_order_relaxed);
    else
        metric_add(m, 1);
}

void metric_inc_alone(struct metric *m)
{
    if (!m || m->kind != METRIC_COUNTER)
        return;
    atomic_store_explicit(&m->count, atomic_load_explicit(&m->count, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

void metric_set(struct metric *m, double v)
{
    if (m && m->kind == METRIC_GAUGE)
        atomic_store_explicit(&m->value, v, memory_order_relaxed);
}

static uint64_t observed(const struct metric *m)
{
    uint64_t n = 0;

    for (size_t i = 0; i <= BOUNDS; i++)
        n += atomic_load_explicit(&m->buckets[i], memory_order_relaxed);
    return n;
}

double metric_read(const struct metric *m)
{
    if (!m)
        return 0;
    if (m->buckets)
        return (double)observed(m);
    return (double)atomic_load_explicit(&m->count, memory_order_relaxed) +
           atomic_load_explicit(&m->value, memory_order_relaxed);
}

static bool has_value(const struct metric *m, parley_str value)
{
    return !value.p || (m->values[0] && str_is(value, m->values[0])) ||
           (m->values[1] && str_is(value, m->values[1]));
}

double metric_find(const char *name, parley_str label_value)
{
    double sum = NAN;

    pthread_mutex_lock(&lock);
    for (const struct family *f = families; f; f = f->next)
        for (const struct metric *m = strcmp(f->name, name) ? NULL : f->first; m; m = m->next)
            if (has_value(m, label_value))
                sum = (isnan(sum) ? 0 : sum) + metric_read(m);
    pthread_mutex_unlock(&lock);
    return sum;
}

static void add_number(struct buf *to, double v)
{
    if (isnan(v))
        buf_add_cstr(to, "NaN");
    else if (isinf(v))
        buf_add_cstr(to, v > 0 ? "+Inf" : "-Inf");
    else if (v == floor(v) && fabs(v) < 9e15)
        buf_add_int(to, (int64_t)v);
    else
        buf_addf(to, "%.15g", v);
}

static void add_sample(struct buf *to, const char *name, const char *suffix, const char *labels,
                       const char *more, double v)
{
    buf_addf(to, "parley_%s%s", name, suffix);
    if (*labels || *more)
        buf_addf(to, "{%s%s%s}", labels, *labels && *more ? "," : "", more);
    buf_add_char(to, ' ');
    add_number(to, v);
    buf_add_char(to, '\n');
}

static void add_histogram(struct buf *to, const char *name, const struct metric *m)
{
    const double *bounds = bounds_of(m->kind);
    uint64_t n =
        0; /* counted while written, so that it agrees with itself while others go on observing */

    for (size_t i = 0; i <= BOUNDS; i++) {
        char le[32];
        n += atomic_load_explicit(&m->buckets[i], memory_order_relaxed);
        if (i == BOUNDS)
            snprintf(le, sizeof le, "le=\"+Inf\"");
        else
            snprintf(le, sizeof le, bounds[i] == floor(bounds[i]) ? "le=\"%.1f\"" : "le=\"%.6g\"",
                     bounds[i]);
        add_sample(to, name, "_bucket", m->labels, le, (double)n);
    }
    add_sample(to, name, "_count", m->labels, "", (double)n);
    add_sample(to, name, "_sum", m->labels, "",
               atomic_load_explicit(&m->value, memory_order_relaxed));
}

static void add_family(struct buf *to, const struct family *f)
{
    static const char *const types[] = {"counter", "gauge", "histogram", "histogram"};
    char name[NAME_BYTES + 8];
    const char *unit = NULL;

    /* a histogram of ours counts seconds, and the format wants the unit in the name */
    bool add_unit = f->kind >= METRIC_SECONDS && !ends_with(f->name, "_seconds");
    snprintf(name, sizeof name, "%s%s", f->name, add_unit ? "_seconds" : "");
    if (ends_with(name, "_seconds"))
        unit = "seconds";
    else if (ends_with(name, "_bytes"))
        unit = "bytes";
    buf_addf(to, "# TYPE parley_%s %s\n", name, types[f->kind]);
    if (unit)
        buf_addf(to, "# UNIT parley_%s %s\n", name, unit);
    if (f->help) {
        buf_addf(to, "# HELP parley_%s ", name);
        add_escaped(to, f->help);
        buf_add_char(to, '\n');
    }
    for (const struct metric *m = f->first; m; m = m->next) {
        if (m->buckets)
            add_histogram(to, name, m);
        else
            add_sample(to, name, m->kind == METRIC_COUNTER ? "_total" : "", m->labels, "",
                       metric_read(m));
    }
}

void metrics_write(struct buf *to)
{
    pthread_mutex_lock(&lock);
    for (const struct family *f = families; f; f = f->next)
        add_family(to, f);
    pthread_mutex_unlock(&lock);
    buf_add_cstr(to, "# EOF\n");
}

void metrics_reset(void)
{
    pthread_mutex_lock(&lock);
    for (const struct family *f = families; f; f = f->next)
        for (struct metric *m = f->first; m; m = m->next) {
            atomic_store(&m->value, 0);
            atomic_store(&m->count, 0);
            for (size_t i = 0; m->buckets && i <= BOUNDS; i++)
                atomic_store(&m->buckets[i], 0);
        }
    pthread_mutex_unlock(&lock);
}
