/* Parent and child of a trial.
 *
 * The child is this program again, since a process with threads cannot go on in a mere fork. It
 * reads the same file, keeps the sections that it was told to try, and loads them as the daemon
 * does. What it says is one line: "ok", or which section crashed or hung, and where: its handlers
 * read that from the crumb. Silence means that it was killed or left by exit().
 */
#include "probe.h"

#include "base/buf.h"
#include "base/crash.h"
#include "base/crumb.h"
#include "base/log.h"
#include "base/str.h"
#include "parts.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REPLY_BYTES = 256, GRACE_MS = 3000 };
extern char **environ;

/* --- the child --- */

static int told_fd;

/* "crashed SIGSEGV create rate_limit", for what a handler may do. */
static void tell(const char *what, const char *signal_name)
{
    const char *hook = atomic_load_explicit(&crumb_here.hook, memory_order_relaxed);
    const char *section = atomic_load_explicit(&crumb_here.section, memory_order_relaxed);
    const char *words[] = {
        what, " ", signal_name, " ", hook ? hook : "itself", " ", section ? section : ""};
    char line[REPLY_BYTES];
    size_t n = 0;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (const char *s = words[i]; *s && n < sizeof line; s++)
            line[n++] = *s;
    (void)!write(told_fd, line, n);
    _exit(3);
}

static void on_crash(int number)
{
    tell("crashed", crash_signal_name(number));
}

static void on_alarm(int number)
{
    (void)number;
    tell("hangs", "-");
}

static void watch(void)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS};
    const struct rlimit none = {0, 0};
    struct sigaction s = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK};
    sigset_t all;

    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    crash_thread_begin();
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        sigaction(crashes[i], &s, NULL);
    s.sa_handler = on_alarm;
    sigaction(SIGALRM, &s, NULL);
    sigemptyset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

static bool is_named(const struct config_section *s, char *const *sections, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *slash = strchr(sections[i], '/');

        if (slash && s->kind.n == (size_t)(slash - sections[i]) &&
            memcmp(s->kind.p, sections[i], s->kind.n) == 0 && str_is(s->name, slash + 1))
            return true;
    }
    return false;
}

int probe_child(const char *config_file, int fd, char *const *sections, size_t count)
{
    static struct parts parts;
    struct config *c = &parts.config;

    told_fd = fd;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    watch();
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_JSON, open("/dev/null", O_WRONLY | O_CLOEXEC));
    domain_enter(DOMAIN_CONTROL);
    if (config_read_file(c, config_file) == 0) {
        settings_read(c, &parts.settings);
        for (struct config_section **at = &c->sections; *at;) {
            if ((*at)->name.p && is_named(*at, sections, count))
                at = &(*at)->next;
            else
                *at = (*at)->next;
        }
        parts.registry.settings = &parts.settings;
        parts.registry.probe_seconds = PROBE_SECONDS;
        registry_load(&parts.registry, c, parts.settings.server.plugin_path, NULL);
    }
    alarm(0);
    (void)!write(fd, "ok", 2); /* faults are found again by who asked */
    _exit(0);
}

/* --- the parent --- */

static const struct plugin_instance *find(const struct probe *p, const char *name)
{
    for (size_t k = 0; k < p->registry->instance_count; k++)
        if (p->registry->instances[k]->fresh && !strcmp(p->registry->instances[k]->name, name))
            return p->registry->instances[k];
    return NULL;
}

static void judge(struct probe *p, char *reply)
{
    char what[16] = "", signal_name[16] = "", hook[32] = "", name[128] = "";
    const char *file;

    if (strcmp(reply, "ok") == 0)
        return;
    p->error = -EFAULT;
    if (sscanf(reply, "%15s %15s %31s %127s", what, signal_name, hook, name) < 3) {
        snprintf(p->why, sizeof p->why,
                 "the process in which plugins are tried ended without a word");
        return;
    }
    p->culprit = find(p, name);
    file = p->culprit ? p->culprit->file->path : "it";
    if (strcmp(what, "hangs") == 0)
        snprintf(p->why, sizeof p->why, "%.400s hangs in %s: it did not return within %d s", file,
                 hook, PROBE_SECONDS);
    else
        snprintf(p->why, sizeof p->why, "%.400s crashed in %s (%s)", file, hook, signal_name);
}

/* Until the child has nothing more to say, or its time is over. */
static void listen_to(struct probe *p, int fd, size_t sections, char reply[REPLY_BYTES])
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    int most_ms = (int)(2 * sections * PROBE_SECONDS * 1000) + GRACE_MS;
    size_t n = 0;
    ssize_t got = 1;

    while (got > 0 && n < REPLY_BYTES - 1) {
        int r = poll(&ready, 1, most_ms);

        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            probe_stop(p);
        got = read(fd, reply + n, REPLY_BYTES - 1 - n);
        n += got > 0 ? (size_t)got : 0;
    }
    reply[n] = 0;
}

static int spawn(struct probe *p, char **argv, int told[2])
{
    posix_spawn_file_actions_t actions;
    pid_t child = 0;
    int r;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, told[1], told[1]); /* it stays open */
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    r = posix_spawn(&child, "/proc/self/exe", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (r == 0)
        atomic_store(&p->child, child);
    return -r;
}

static char **arguments(const struct probe *p, int fd, size_t *ret_sections)
{
    char **argv = calloc(p->registry->instance_count + 5, sizeof *argv);
    size_t n = 0;
    bool all = argv != NULL;

    *ret_sections = 0;
    if (!argv)
        return NULL;
    all &= (argv[n++] = str_dup(PARLEY_STR("parleyd"))) != NULL;
    all &= asprintf(&argv[n++], "--config=%s", p->config_file) > 0;
    all &= asprintf(&argv[n++], "--probe=%d", fd) > 0;
    for (size_t k = 0; k < p->registry->instance_count; k++) {
        const struct plugin_instance *i = p->registry->instances[k];

        if (!i->fresh || i->file->fd < 0)
            continue;
        all &= asprintf(&argv[n++], "%s/%s", i->kind, i->name) > 0;
        ++*ret_sections;
    }
    if (all)
        return argv;
    while (n)
        free(argv[--n]);
    free(argv);
    return NULL;
}

void probe_run(struct probe *p)
{
    char reply[REPLY_BYTES], **argv = NULL;
    size_t sections = 0;
    int told[2] = {-1, -1};

    p->error = pipe2(told, O_CLOEXEC) < 0 ? -errno : 0;
    if (p->error == 0)
        argv = arguments(p, told[1], &sections);
    if (p->error == 0 && !argv)
        p->error = -ENOMEM;
    if (p->error == 0 && sections)
        p->error = spawn(p, argv, told);
    if (told[1] >= 0)
        close(told[1]);
    if (p->error < 0) {
        snprintf(p->why, sizeof p->why, "plugins cannot be tried in a process of their own: %s",
                 strerror(-p->error));
    } else if (sections) {
        listen_to(p, told[0], sections, reply);
        waitpid(atomic_exchange(&p->child, 0), NULL, 0); /* or the loop's own handler does */
        judge(p, reply);
    }
    if (told[0] >= 0)
        close(told[0]);
    for (size_t n = 0; argv && argv[n]; n++)
        free(argv[n]);
    free(argv);
}

void probe_stop(struct probe *p)
{
    int child = atomic_load(&p->child);

    if (child > 0)
        kill(child, SIGKILL);
}
