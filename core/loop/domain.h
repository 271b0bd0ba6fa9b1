/* Which part of the daemon the current call belongs to.
 *
 * A thread may carry two of them in turn (with `pumps = 1` hub and pump share one), so the checks
 * behind the SDK's thread tags ask for the domain, never for the thread. In builds without
 * PARLEY_CHECKED they cost nothing.
 */
#ifndef LOOP_DOMAIN_H
#define LOOP_DOMAIN_H
#include <stdbool.h>

enum domain {
    DOMAIN_NONE = 0,
    DOMAIN_CONTROL = 1,
    DOMAIN_HUB = 2,
    DOMAIN_PUMP = 4,
    DOMAIN_WORKER = 8
};

extern _Thread_local enum domain domain_current;

static inline enum domain domain_enter(enum domain d)
{
    enum domain before = domain_current;
    domain_current = d;
    return before; /* to be given to domain_leave */
}
static inline void domain_leave(enum domain before)
{
    domain_current = before;
}
void domain_violation(const char *function, int allowed)
    __attribute__((noreturn)); /* logs and aborts */
#ifdef PARLEY_CHECKED
#define DOMAIN_ASSERT(allowed)                     \
    do {                                           \
        if (!(domain_current & (allowed)))         \
            domain_violation(__func__, (allowed)); \
    } while (0)
#else
#define DOMAIN_ASSERT(allowed) ((void)0)
#endif
#endif
