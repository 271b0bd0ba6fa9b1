/* Parent and child of a trial.
 *
 * The child is this program again, since a process with threads cannot go on in a mere fork. It
 * reads the same file, keeps the sections that it was told to try, and loads them as the daemon
 * does. It says a line before each step, so that whatever becomes of it, the parent knows where it
 * was: it crashed when its handler says so, and hangs when nothing more comes.
 */
#include "probe.h"

#include "base/crash.h"
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

enum { REPLY_BYTES = 256 };
extern char **environ;

/* --- the child --- */

static int told_fd;

/* "crashed SIGSEGV -", for what a handler may do. */
static void on_crash(int number)
{
    const char *name = crash_signal_name(number);
    char line[64] = "crashed ";
    size_t n = strlen(line);

    while (*name && n < sizeof line - 3)
        line[n++] = *name++;
    line[n++] = ' ';
    line[n++] = '-';
    line[n++] = '\n';
    (void)!write(told_fd, line, n);
    _exit(3);
}

static void on_step(const struct plugin_instance *i, const char *hook)
{
    dprintf(told_fd, "%s %s\n", hook, i->name);
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
        parts.registry.on_step = on_step;
        registry_load(&parts.registry, c, parts.settings.server.plugin_path, NULL);
    }
    (void)!write(fd, "ok -\n", 5); /* faults are found again by who asked */
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

struct told {                 /* by the child */
    char hook[32], name[128]; /* its latest step */
    char signal_name[16];     /* it crashed of it; "": it did not */
    bool ok, late;            /* it is done; it said nothing for too long */
};

static void judge(struct probe *p, const struct told *t)
{
    const char *file;

    if (t->ok)
        return;
    p->error = -EFAULT;
    p->culprit = t->hook[0] ? find(p, t->name) : NULL;
    file = p->culprit ? p->culprit->file->path : "the process in which plugins are tried";
    if (t->late)
        snprintf(p->why, sizeof p->why, "%.400s hangs in %s: it did not return within %d s", file,
                 t->hook[0] ? t->hook : "its start", PROBE_SECONDS);
    else if (t->signal_name[0])
        snprintf(p->why, sizeof p->why, "%.400s crashed in %s (%s)", file,
                 t->hook[0] ? t->hook : "its start", t->signal_name);
    else
        snprintf(p->why, sizeof p->why, "%.400s ended the process in %s", file,
                 t->hook[0] ? t->hook : "its start");
}

static void take_line(struct told *t, const char *line)
{
    char what[32] = "", rest[128] = "";

    if (sscanf(line, "%31s %127s", what, rest) < 2)
        return;
    if (strcmp(what, "ok") == 0) {
        t->ok = true;
    } else if (strcmp(what, "crashed") == 0) {
        snprintf(t->signal_name, sizeof t->signal_name, "%.15s", rest);
    } else {
        snprintf(t->hook, sizeof t->hook, "%s", what);
        snprintf(t->name, sizeof t->name, "%s", rest);
    }
}

/* Until the child has nothing more to say, or says nothing for too long. */
static void listen_to(struct probe *p, int fd, struct told *t)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    char line[REPLY_BYTES];
    size_t n = 0;
    char c;

    for (;;) {
        int r = poll(&ready, 1, PROBE_SECONDS * 1000);

        if (r < 0 && errno == EINTR)
            continue;
        if (r == 0) {
            t->late = true;
            probe_stop(p);
        }
        if (r <= 0 || read(fd, &c, 1) != 1)
            return;
        if (c != '\n' && n < sizeof line - 1) {
            line[n++] = c;
            continue;
        }
        line[n] = 0;
        n = 0;
        take_line(t, line);
    }
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
    struct told t = {0};
    char **argv = NULL;
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
        listen_to(p, told[0], &t);
        waitpid(atomic_exchange(&p->child, 0), NULL, 0); /* or the loop's own handler does */
        judge(p, &t);
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
