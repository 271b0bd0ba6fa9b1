/* parley-load: puts a WebSocket server under a load of messages, and says what that cost it.
 *
 * One line of JSON on stdout. The exit status is 0; 1 when something could not be done; 2 for a
 * wrong command line; 3 when messages were lost or came in the wrong order.
 */
#include "load.h"

#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct workload workloads[] = {
    {.name = "f1", .channels = 1, .members = 1000, .authors = 1, .in_flight = 1},
    {.name = "f8", .channels = 1, .members = 1000, .authors = 1, .in_flight = 8},
    {.name = "f32", .channels = 1, .members = 1000, .authors = 1, .in_flight = 32},
    {.name = "f32_1k",
     .channels = 1,
     .members = 200,
     .authors = 1,
     .in_flight = 32,
     .text_bytes = 1000},
    {.name = "hot", .channels = 1, .members = 100, .authors = 20, .rate = 4000},
    {.name = "rooms", .channels = 100, .members = 10, .authors = 1, .in_flight = 4},
    {.name = "echo", .channels = 100, .members = 1, .authors = 1, .in_flight = 1},
    {.name = "rate", .channels = 1, .members = 1000, .authors = 1, .rate = 30},
    {.name = "connect", .idle = 10000, .handshakes = true},
    {.name = "idle", .channels = 1, .members = 20, .authors = 20, .rate = 2000, .idle = 9980},
    {.name = "slow", .channels = 1, .members = 1000, .authors = 1, .in_flight = 8, .stalled = 10},
    {.name = "roster",
     .channels = 1,
     .members = 1000,
     .authors = 1,
     .in_flight = 8,
     .visitors = 20},
    /* Few deliveries and many messages: what is seen is what a message costs. */
    {.name = "chain", .channels = 20, .members = 1, .authors = 1, .in_flight = 16},
};
#define WORKLOADS  (sizeof workloads / sizeof *workloads)
#define TEXT_BYTES 120

static const struct {
    const char *server;
    const struct dialect *dialect;
} servers[] = {{"parley", &dialect_parley},
               {"limit", &dialect_relay},
               {"ws", &dialect_relay},
               {"socketio", &dialect_socketio},
               {"nchan", &dialect_nchan}};
#define SERVERS (sizeof servers / sizeof *servers)

void load_fail(const char *format, ...)
{
    va_list ap;

    fputs("parley-load: ", stderr);
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}

static _Noreturn void usage(const char *why, const char *what)
{
    fprintf(stderr,
            "parley-load: %s%s\n"
            "usage: parley-load --server KIND --port N --pid PID[,PID...] --workload NAME\n"
            "                   [--host ADDRESS] [--seconds S] [--warm-up S] [--cpu CORE]\n"
            "                   [--subscribers N] [--tls] [--bare] [--token-file FILE]\n"
            "       parley-load --signature PEM --token-file FILE\nservers:  ",
            why, what);
    for (size_t i = 0; i < SERVERS; i++)
        fprintf(stderr, " %s", servers[i].server);
    fputs("\nworkloads:", stderr);
    for (size_t i = 0; i < WORKLOADS; i++)
        fprintf(stderr, " %s", workloads[i].name);
    fputc('\n', stderr);
    exit(2);
}

static double number(const char *name, const char *text, double least, double most)
{
    char *end;
    double v = strtod(text, &end);

    if (end == text || *end || !(v >= least && v <= most))
        usage("no such number: ", name);
    return v;
}

static void choose_server(struct options *o, const char *name)
{
    for (size_t i = 0; i < SERVERS; i++)
        if (strcmp(servers[i].server, name) == 0)
            o->dialect = servers[i].dialect;
    if (!o->dialect)
        usage("no such server: ", name);
}

static void choose_workload(struct options *o, const char *name)
{
    for (size_t i = 0; i < WORKLOADS; i++)
        if (strcmp(workloads[i].name, name) == 0)
            o->load = workloads[i];
    if (!o->load.name)
        usage("no such workload: ", name);
    if (!o->load.text_bytes)
        o->load.text_bytes = TEXT_BYTES;
}

static void read_pids(struct options *o, char *list)
{
    for (char *p = strtok(list, ","); p; p = strtok(NULL, ",")) {
        if (o->pid_count == sizeof o->pids / sizeof *o->pids)
            usage("too many processes", "");
        o->pids[o->pid_count++] = (pid_t)number("--pid", p, 1, 1e9);
    }
}

static char *read_token(const char *file)
{
    static char token[4096];
    FILE *f = fopen(file, "r");

    if (!f || !fgets(token, sizeof token, f))
        FAIL("%s: cannot be read", file);
    fclose(f);
    token[strcspn(token, "\r\n")] = 0;
    return token;
}

static void stay_on(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0)
        FAIL("there is no core %d", cpu);
}

/* As many members as asked for, or connections where those are what it is about. */
static void scale(struct workload *w, unsigned subscribers)
{
    if (!subscribers)
        return;
    if (w->handshakes || w->idle)
        w->idle = subscribers;
    else
        w->members = subscribers;
    if (w->members && w->authors > w->members)
        w->authors = w->members;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"server", required_argument, NULL, 's'},
        {"host", required_argument, NULL, 'h'},
        {"port", required_argument, NULL, 'p'},
        {"pid", required_argument, NULL, 'P'},
        {"workload", required_argument, NULL, 'w'},
        {"seconds", required_argument, NULL, 't'},
        {"warm-up", required_argument, NULL, 'u'},
        {"cpu", required_argument, NULL, 'c'},
        {"subscribers", required_argument, NULL, 'n'},
        {"tls", no_argument, NULL, 'T'},
        {"bare", no_argument, NULL, 'b'},
        {"token-file", required_argument, NULL, 'k'},
        {"signature", required_argument, NULL, 'S'},
        {0},
    };
    struct options o = {.host = "127.0.0.1", .seconds = 3, .warm_up = 0.5};
    const char *key = NULL;
    unsigned subscribers = 0;
    int c;

    signal(SIGPIPE, SIG_IGN);
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 's':
            choose_server(&o, optarg);
            break;
        case 'h':
            o.host = optarg;
            break;
        case 'p':
            o.port = (unsigned short)number("--port", optarg, 1, 65535);
            break;
        case 'P':
            read_pids(&o, optarg);
            break;
        case 'w':
            choose_workload(&o, optarg);
            break;
        case 't':
            o.seconds = number("--seconds", optarg, 0.01, 600);
            break;
        case 'u':
            o.warm_up = number("--warm-up", optarg, 0, 60);
            break;
        case 'c':
            stay_on((int)number("--cpu", optarg, 0, 1023));
            break;
        case 'n':
            subscribers = (unsigned)number("--subscribers", optarg, 1, 60000);
            break;
        case 'T':
            o.tls = true;
            break;
        case 'b':
            o.bare = true;
            break;
        case 'k':
            o.token = read_token(optarg);
            break;
        case 'S':
            key = optarg;
            break;
        default:
            usage("that is no option", "");
        }
    }
    if (key && o.token)
        return measure_signature(key, o.token, stdout);
    if (!o.dialect || !o.port || !o.load.name)
        usage("--server, --port and --workload are needed", "");
    scale(&o.load, subscribers);
    return run(&o, stdout);
}
