/* What is done in the handler of a crash: one line is built on the stack and written, and the
 * signal takes its old course, which is a core dump, or a sanitizer's report.
 *
 * Only the crumb of the thread that crashed is read, and nothing is allocated or locked. Each
 * thread of ours has a stack of its own for it, since it may be the stack that is full.
 */
#include "base/crash.h"

#include "base/crumb.h"
#include "base/log.h"
#include "base/str.h"

#include <signal.h>
#include <sys/mman.h>

#define STACK_BYTES ((size_t)64 * 1024)

static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
#define SIGNALS (sizeof numbers / sizeof *numbers)
static struct sigaction before[SIGNALS];
static _Thread_local void *stack;

const char *crash_signal_name(int signal_number)
{
    static const char *const names[SIGNALS] = {"SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT"};

    for (size_t i = 0; i < SIGNALS; i++)
        if (numbers[i] == signal_number)
            return names[i];
    return signal_number == SIGKILL ? "SIGKILL" : signal_number == SIGSYS ? "SIGSYS" : "signal";
}

static void tell(int signal_number)
{
    const char *hook = atomic_load_explicit(&crumb_here.hook, memory_order_relaxed);
    const char *section = atomic_load_explicit(&crumb_here.section, memory_order_relaxed);
    uint32_t generation = atomic_load_explicit(&crumb_here.generation, memory_order_relaxed);
    const char *name = crash_signal_name(signal_number);

    if (hook)
        log_last_words("crashed", (const struct log_field[]){LOG_TEXT("signal", name),
                                                             LOG_TEXT("section", section),
                                                             LOG_TEXT("hook", hook),
                                                             LOG_INT("generation", generation),
                                                             LOG_TEXT("msg", "in a plugin's call"),
                                                             {0}});
    else
        log_last_words("crashed",
                       (const struct log_field[]){LOG_TEXT("signal", name),
                                                  LOG_TEXT("msg", "not in a plugin's call"),
                                                  {0}});
}

static void on_crash(int signal_number, siginfo_t *info, void *context)
{
    (void)context;
    tell(signal_number);
    for (size_t i = 0; i < SIGNALS; i++)
        if (numbers[i] == signal_number)
            sigaction(signal_number, &before[i], NULL);
    /* On return what faulted faults again, and abort() goes on; what was sent has to be sent again.
     */
    if (info->si_code <= 0)
        raise(signal_number);
}

void crash_watch(void)
{
    struct sigaction ours = {.sa_sigaction = on_crash,
                             .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

    sigemptyset(&ours.sa_mask);
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(numbers[i], &ours, &before[i]);
    crash_thread_begin();
}

int crash_thread_begin(void)
{
    stack_t now, s = {.ss_size = STACK_BYTES};

    if (stack || (sigaltstack(NULL, &now) == 0 && !(now.ss_flags & SS_DISABLE)))
        return 0; /* a sanitizer made one */
    s.ss_sp = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (s.ss_sp == MAP_FAILED)
        return -ENOMEM;
    stack = s.ss_sp;
    return sigaltstack(&s, NULL) < 0 ? -errno : 0;
}

void crash_thread_end(void)
{
    const stack_t none = {.ss_flags = SS_DISABLE};

    if (!stack)
        return;
    sigaltstack(&none, NULL);
    munmap(stack, STACK_BYTES);
    stack = NULL;
}
