/* The tag of the current call, and what happens to code that is in the wrong place.
 *
 * A violation is a bug of ours or of a plugin, found in a checked build: the process ends at the
 * place where it happened, since going on would touch what belongs to another loop.
 */
#include "loop/domain.h"

#include "base/log.h"
#include "base/str.h"

#include <stdlib.h>

_Thread_local enum domain domain_current;

static const char *names_of(int domains, char *out, size_t out_bytes)
{
    static const struct {
        int domain;
        const char *name;
    } table[] = {{DOMAIN_CONTROL, "[control]"},
                 {DOMAIN_HUB, "[hub]"},
                 {DOMAIN_PUMP, "[pump]"},
                 {DOMAIN_WORKER, "[worker]"}};
    size_t used = 0;

    snprintf(out, out_bytes, "no loop");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!(domains & table[i].domain))
            continue;
        int n = snprintf(out + used, out_bytes - used, "%s%s", used ? " " : "", table[i].name);
        if (n < 0 || (size_t)n >= out_bytes - used)
            break;
        used += (size_t)n;
    }
    return out;
}

void domain_violation(const char *function, int allowed)
{
    char may[64], is[64];

    log_event(LOG_LEVEL_ERROR, "domain_violation", LOG_TEXT("function", function),
              LOG_TEXT("allowed", names_of(allowed, may, sizeof may)),
              LOG_TEXT("called_in", names_of((int)domain_current, is, sizeof is)));
    abort();
}
