/* What libwebsockets has to say goes to our log, as fields of one event.
 *
 * Strangers can make it shout (a missing header is an `err` to it), so nothing of it is more than a
 * warning here; and its chattier levels print headers, tokens included, so they stay off.
 */
#include "base/log.h"
#include "base/str.h"
#include "net/net.h"

#include <libwebsockets.h>

static void emit(int level, const char *line)
{
    log_event(level == LLL_ERR ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG, "libwebsockets",
              LOG_STR("msg", str_trim(str_n(line, strcspn(line, "\r\n")))));
}

void net_setup_logging(void)
{
    lws_set_log_level(LLL_ERR | LLL_WARN, emit);
}
