/* One case in a child process: its end, its time, and what it said.
 *
 * The child leads a group of its own, so that what it started ends with it. It tells its parent by
 * shared memory what it is doing; a crash is named by signal, case and that step.
 */
#include "base/clock.h"
#include "validate.h"

#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SAID_BYTES = 3000 };

void trial_step(struct trial *t, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(t->step, sizeof t->step, format, ap);
    va_end(ap);
}

void trial_note(struct trial *t, const char *format, ...)
{
    size_t n = strlen(t->text);
    va_list ap;

    if (n && n + 2 < sizeof t->text)
        n += (size_t)snprintf(t->text + n, sizeof t->text - n, "; ");
    va_start(ap, format);
    vsnprintf(t->text + n, sizeof t->text - n, format, ap);
    va_end(ap);
}

static _Noreturn void end(struct trial *t, enum ending outcome)
{
    t->outcome = outcome;
    t->over = true;
    fflush(NULL);
    _exit(0);
}

void trial_fail(struct trial *t, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(t->text, sizeof t->text, format, ap);
    va_end(ap);
    end(t, OUTCOME_FAIL);
}

void trial_skip(struct trial *t, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(t->text, sizeof t->text, format, ap);
    va_end(ap);
    end(t, OUTCOME_SKIP);
}

/* splitmix64: the same numbers on every machine. */
uint64_t trial_random(struct trial *t, uint64_t below)
{
    uint64_t z = t->random += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return below ? (z ^ z >> 31) % below : 0;
}

static _Noreturn void be_child(struct trial *t, const struct check *c, FILE *said)
{
    setpgid(0, 0);
    mallopt(M_PERTURB, 0xa5); /* what is not written, or not there any more, looks like it */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    dup2(fileno(said), STDOUT_FILENO);
    dup2(fileno(said), STDERR_FILENO);
    t->random = t->seed;
    c->run(t);
    end(t, OUTCOME_PASS);
}

static bool ends_within(pid_t child, int limit_ms)
{
    int fd = (int)syscall(SYS_pidfd_open, child, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int r = 1;

    if (fd < 0)
        return true; /* an old kernel: it may take its time */
    do
        r = poll(&p, 1, limit_ms);
    while (r < 0 && errno == EINTR);
    close(fd);
    return r != 0;
}

static void judge(struct trial *t, int status, bool in_time, int limit_ms)
{
    const char *at = t->step[0] ? t->step : "it began";

    if (!in_time)
        snprintf(t->text, sizeof t->text, "not over after %d s, while: %.500s", limit_ms / 1000,
                 at);
    else if (WIFSIGNALED(status))
        snprintf(t->text, sizeof t->text, "crashed by SIG%s (%s), while: %.500s",
                 sigabbrev_np(WTERMSIG(status)), strsignal(WTERMSIG(status)), at);
    else if (!t->over || WEXITSTATUS(status) != 0)
        snprintf(t->text, sizeof t->text, "ended with status %d, while: %.500s",
                 WEXITSTATUS(status), at);
    else
        return;
    t->outcome = OUTCOME_FAIL;
}

static char *end_of(FILE *said)
{
    char *text = calloc(1, SAID_BYTES + 1);
    long n;

    fseek(said, 0, SEEK_END);
    n = ftell(said);
    fseek(said, n > SAID_BYTES ? n - SAID_BYTES : 0, SEEK_SET);
    if (text && fread(text, 1, SAID_BYTES, said) == 0)
        text[0] = 0;
    return text;
}

void trial_run(struct trial *t, const struct check *c, int limit_ms, char **ret_said)
{
    int64_t began_ms = clock_mono_ms();
    FILE *said = tmpfile();
    bool in_time;
    int status = 0;
    pid_t child;

    t->over = false;
    t->text[0] = t->step[0] = 0;
    t->outcome = OUTCOME_FAIL;
    fflush(NULL);
    child = said ? fork() : -1;
    if (child == 0)
        be_child(t, c, said);
    if (child < 0) {
        snprintf(t->text, sizeof t->text, "no child process could be made: %s", strerror(errno));
        *ret_said = NULL;
        return;
    }
    setpgid(child, child);
    in_time = ends_within(child, limit_ms);
    if (!in_time)
        kill(-child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    t->took_ms = clock_mono_ms() - began_ms;
    judge(t, status, in_time, limit_ms);
    *ret_said = end_of(said);
    fclose(said);
}
