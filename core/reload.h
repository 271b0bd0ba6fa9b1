/* Reloads: the INI is read anew and checked as a whole, what changed is tried in a child process,
 * made, and published everywhere; or everything stays as it was, and the fault is told. [control]
 */
#ifndef RELOAD_H
#define RELOAD_H
#include "plugin/registry.h"

struct parts;
struct reload;
/* @param config_file  As given to the daemon. NULL: no memory */
struct reload *reload_new(struct parts *p, const char *config_file);
/**
 * Reload a section, or all whose keys, plugin or files changed. One reload runs at a time; others
 * wait for it.
 *
 * @param section  "hub wordlist", or "wordlist" where that is clear; NULL: all that changed.
 * @param done     Called once on the control loop, also before this returns: whether it was done,
 * and one line for each section or fault. Not called when the daemon ends first. May be NULL.
 * @retval 0  @retval -ENOMEM  @retval -ESHUTDOWN
 * [control]
 */
int reload_request(struct reload *r, const char *section,
                   void (*done)(void *arg, bool ok, const char *report), void *arg);
const struct registry *reload_current(const struct reload *r); /* that is published. [control] */
void reload_stop(struct reload *r);                            /* no other begins; takes NULL */
/* After the loops ended and were drained, before the hub is freed: what was under way is dropped.
 * Then, with the hub gone: all registries end. Both take NULL. */
void reload_finish(struct reload *r);
void reload_free(struct reload *r);
#endif
