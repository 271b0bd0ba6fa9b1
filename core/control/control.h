/* The control actor: signals, readiness, fetches, and the timers of authenticators. It lives on the
 * main thread's loop.
 *
 * Plugins reach it through plugin/api.c and the functions control_plugin_fetch, control_ready,
 * control_timer; the daemon owns it, and is told by one callback that it is time to go.
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H
#include "base/buf.h"
#include "loop/loop.h"
#include "plugin/registry.h"

struct settings;
struct control;

/* --- the daemon's part --- */
/* Initialises the process's main loop with the control actor on it. NULL: no memory. */
struct control *control_new(const struct settings *s);
struct actor *control_actor(struct control *c);
struct loop *control_loop(struct control *c);
/* Mail that is not control's own (MAIL_ANSWER, for the admin listener), instead of the log. Before
 * it runs. */
void control_on_other_mail(struct control *c, void (*take)(void *arg, struct mail *take_mail),
                           void *arg);
/* Watches SIGTERM, SIGINT (told as `stop`; again on the second one) and SIGHUP. Without it signals
 * do what they always do. [control] */
void control_watch_signals(struct control *c, void (*stop)(void *arg, int signal_number),
                           void *arg);
/* What SIGHUP does; NULL: nothing. */
void control_on_hangup(struct control *c, void (*reload)(void *arg), void *arg);
/* Calls start of every authenticator's table, in the order of the INI. [control] 0; -Exxx and why
 * when one refuses. */
int control_start_auths(struct control *c, const struct registry *r, char why[256]);
/* Drops timers and fetches without an answer: no authenticator is called after it. [control] */
void control_quiesce(struct control *c);
/* After its loop ended and all others were joined; takes NULL. */
void control_free(struct control *c);

/* --- readiness: /readyz --- */
void control_listening(struct control *c, bool yes); /* [control] all listeners are up */
void control_draining(struct control *c);            /* [control] from now on never ready */
/* Writes the reasons why not, one a line; false and nothing written when ready. [any] */
bool control_unready(struct control *c, struct buf *reasons);
/* A named condition of a section; ready drops it. [any] 0 or -ENOMEM */
int control_ready(struct control *c, struct plugin_instance *section, bool ready, const char *why);
/* Likewise of a part of the daemon, by a name that is a constant. [any] */
int control_ready_part(struct control *c, const char *name, bool ready, const char *why);

/* --- fetches: control/fetch.h for the core, this one for plugins --- */
/* The answer comes to on_answer of the section's authenticator, in the control domain; never within
 * this call. `ca_file` absent: the system's; max_bytes 0: 1 MiB; body absent: none. 0; -EINVAL
 * (method, URL, or a URL that is not allowed), -EAGAIN (64 are under way), -ENOMEM, -ESHUTDOWN.
 * [control] */
int control_plugin_fetch(struct control *c, struct plugin_instance *section, parley_str method,
                         parley_str url, parley_str ca_file, int64_t max_bytes, parley_str body,
                         int64_t deadline_ms, uint32_t tag);
/* `how` as in parley_timer_*: PARLEY_TIMER_AFTER (a pending one stays), _AT (replaces), _CANCEL.
 * Comes to on_timer of the section's authenticator. 0, -EINVAL, -ENOMEM, -ENOSPC (1,000 of a
 * section), -ENOENT (cancel). [control] */
int control_timer(struct control *c, struct plugin_instance *section, int how, int64_t ms,
                  const char *key);
/* Runs `wanted` of the section's authenticator on the control loop, with a copy of bearer. [any] */
void control_wanted(struct control *c, struct plugin_instance *section, parley_str bearer);
/* Every listener that the settings name is on a loopback address. [any] */
bool control_on_loopback(const struct settings *s);
#endif
