/* How busy the daemon is: a sample a second, from which the last ten seconds are told. It costs the
 * loops nothing, since the kernel counts their time. [control] */
#ifndef CONTROL_LOAD_H
#define CONTROL_LOAD_H
#include "loop/loop.h"

#include <stddef.h>

struct load;
/* Actors are borrowed, and known by their index from here on. NULL: no memory. Before the loop
 * runs. */
struct load *load_new(struct loop *control, struct actor *const *actors, size_t count);
void load_free(struct load *l); /* takes NULL; after the loop ended, before loop_finish */

struct load_figures {
    int64_t over_ms;     /* what the rates are of; 0: it has only just begun, and they are 0 */
    double messages_s;   /* that reached the hub, a second */
    double deliveries_s; /* to receivers */
};
void load_read(const struct load *l, struct load_figures *ret);
/* The share of time in which the thread of that actor computed: 0..1. */
double load_busy(const struct load *l, size_t actor);
#endif
