/* /metrics: the daemon's own numbers, those of its process, and how full the mailboxes are.
 *
 * The figures of the process have the names that every exporter gives them, so that ready
 * dashboards find them.
 */
#include "base/clock.h"
#include "base/metrics.h"
#include "base/str.h"
#include "http/pages_internal.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static double started_unix_s;

static void figure(struct buf *to, const char *name, const char *kind, const char *unit,
                   const char *help, double v)
{
    bool counter = !strcmp(kind, "counter");

    buf_addf(to, "# TYPE process_%s %s\n", name, kind);
    if (unit)
        buf_addf(to, "# UNIT process_%s %s\n", name, unit);
    buf_addf(to, "# HELP process_%s %s\n", name, help);
    buf_addf(to, "process_%s%s %.15g\n", name, counter ? "_total" : "", v);
}

static long long resident_pages(long long *ret_virtual)
{
    long long virtual_pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    if (f && fscanf(f, "%lld %lld", &virtual_pages, &resident) != 2)
        virtual_pages = resident = 0;
    if (f)
        fclose(f);
    *ret_virtual = virtual_pages;
    return resident;
}

static int open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = -1; /* the folder's own descriptor is not counted */

    if (!d)
        return 0;
    for (const struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void write_process(struct buf *to)
{
    long page = sysconf(_SC_PAGESIZE);
    struct rusage use = {0};
    struct rlimit files = {0};
    long long virtual_pages, resident = resident_pages(&virtual_pages);

    getrusage(RUSAGE_SELF, &use);
    getrlimit(RLIMIT_NOFILE, &files);
    figure(to, "cpu_seconds", "counter", "seconds", "Time spent computing, of user and system.",
           (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
               (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
    figure(to, "resident_memory_bytes", "gauge", "bytes", "Memory in use.",
           (double)(resident * page));
    figure(to, "virtual_memory_bytes", "gauge", "bytes", "Memory that is mapped.",
           (double)(virtual_pages * page));
    figure(to, "open_fds", "gauge", NULL, "Open file descriptors.", open_descriptors());
    figure(to, "max_fds", "gauge", NULL, "How many there may be.", (double)files.rlim_cur);
    figure(to, "start_time_seconds", "gauge", "seconds", "When it was started, in Unix time.",
           started_unix_s);
}

/* [control] Reads small files of /proc, which are memory. */
static int serve_metrics(struct http_request *q, void *context)
{
    const struct pages *p = context;

    for (size_t i = 0; i < p->context.actor_count; i++)
        metric_set(p->depths[i], (double)actor_depth(p->context.actors[i]));
    write_process(&q->answer);
    metrics_write(&q->answer);
    page_header(q, "Cache-Control: no-store");
    q->content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    q->status = 200;
    return 0;
}

int page_metrics_add(struct pages *p, struct http_routes *to, const char *role)
{
    struct http_route route = {.method = HTTP_GET,
                               .path = "/metrics",
                               .on_admin = true,
                               .role = role,
                               .serve = serve_metrics,
                               .context = p};

    started_unix_s = (double)clock_unix_ms() / 1000.;
    p->depths =
        calloc(p->context.actor_count ? p->context.actor_count : 1, sizeof(struct metric *));
    if (!p->depths)
        return -ENOMEM;
    for (size_t i = 0; i < p->context.actor_count; i++)
        p->depths[i] = metric(METRIC_GAUGE, "mailbox_depth", "Mails posted and not yet delivered.",
                              "actor", str_of(p->context.actors[i]->name));
    metric_set(metric(METRIC_GAUGE, "build_info", "The version that runs.", "version",
                      PARLEY_STR(PARLEY_VERSION)),
               1);
    return http_routes_add(to, &route);
}
