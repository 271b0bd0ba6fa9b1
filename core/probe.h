/* A trial in a child process of what is about to be loaded: whatever crashes or hangs there, in its
 * constructors or in create, does so without us. */
#ifndef PROBE_H
#define PROBE_H
#include "plugin/registry.h"

#define PROBE_WHY_BYTES 512
enum { PROBE_SECONDS = 5 }; /* for one step of one section */

struct probe {
    const struct registry *registry; /* planned: what is fresh in it is tried. Not changed */
    const char *config_file;
    _Atomic int child; /* its process id while it runs */
    /* the result: 0, or -Exxx, and whose fault it is, with "FILE crashed in create (SIGSEGV)" */
    int error;
    const struct plugin_instance *culprit; /* NULL: nobody's */
    char why[PROBE_WHY_BYTES];
};
/* Runs it to its end. [worker], or [control] before the loops run; blocks, bounded. */
void probe_run(struct probe *p);
void probe_stop(struct probe *p); /* [any] the child ends, and with it probe_run */
/* The child: tries the sections, "kind/name", and tells what became of them through `fd`. The exit
 * status. */
int probe_child(const char *config_file, int fd, char *const *sections, size_t count);
#endif
