/* The hub: the one place where messages are judged, numbered and sent on their way. Channels,
 * users, the chain, timers, and the state of all hub plugins belong to it; it is single-threaded,
 * and lives by its mail.
 */
#ifndef HUB_HUB_H
#define HUB_HUB_H
#include "config/settings.h"
#include "loop/mail.h"
#include "message/message.h"
#include "plugin/registry.h"

struct hub;
struct store;
struct verdicts;
/* @param pumps  Where publications go; by index of the handle. */
struct hub *hub_new(const struct settings *s, const struct registry *r, struct actor *const *pumps,
                    uint32_t pump_count);
struct actor *hub_actor(struct hub *h);       /* to be added to a loop */
struct verdicts *hub_verdicts(struct hub *h); /* the latest ones. [any]; as long as the hub */
/* Where MAIL_ASK goes (control/ask.h), before hub_start; without it asks FAIL. */
void hub_asks(struct hub *h, struct actor *to);
/* Who runs jobs, instead of workers_submit (tests). */
void hub_works(struct hub *h, int (*submit)(struct worker_job *j, struct actor *asker));
/* Plugins keep what they keep there: reads what their sections have, and arms their timers. Before
 * hub_start; the store outlives the hub. Without it they are told -ENOSYS. 0; -Exxx and why */
int hub_store(struct hub *h, struct store *s, char why[256]);
int hub_start(struct hub *h, char why[256]); /* calls start of every instance. [hub], before its
                                                loop runs or in its first turn */
void hub_quiesce(struct hub *h); /* calls quiesce of every instance: no hook after it. [hub] */
/* Another registry takes the place of the one that it has: sections that are new in it are started
 * with what their generations before them saved, and from then on it is the one that counts.
 * Between two mails. @retval 0 Those that it does not have leave: hub_gone. @retval -Exxx One could
 * not be saved or started, and why says which: everything is as it was. [hub] */
int hub_change(struct hub *h, const struct registry *next, char why[256]);
/* Quiesces those that leave, as soon as nothing that they hold back is left, and lets go of those
 * to which nothing refers any more: for registry_destroy, a list by their `next`.
 * @param pumps_moved  What the pumps made by an older registry has all come in. [hub] */
struct plugin_instance *hub_gone(struct hub *h, bool pumps_moved);
/* All that still leave, when nothing runs any more: likewise. */
struct plugin_instance *hub_left(struct hub *h);
void hub_free(struct hub *h);    /* after its loop ended, before registry_finish */
void hub_advance(struct hub *h); /* runs what is due by the clock (tests, which move it) */
#endif
