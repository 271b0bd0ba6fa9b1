/* Breadcrumbs: which plugin's call each thread is in, so that a crash or a hang can be named.
 *
 * A thread writes its own crumb around every call into a plugin, a few plain stores; the handler of
 * a crash reads that of its thread, and the watch those of all. Strings are only pointed to: a
 * section's name lives until nobody watches any more, a hook's is a constant.
 */
#ifndef BASE_CRUMB_H
#define BASE_CRUMB_H
#include <parley/base.h>

#include <stdatomic.h>

struct crumb {
    _Atomic(const char *) hook; /* "on_message"; NULL: no plugin runs */
    _Atomic(const char *) section;
    _Atomic uint32_t generation;
    _Atomic uint32_t calls; /* how many began, so that two looks tell one long call from many */
};
extern _Thread_local struct crumb crumb_here;

struct crumb_before { /* what was running, to be given to crumb_leave */
    const char *hook, *section;
    uint32_t generation;
};

/* [any] Around every call into a plugin. */
static inline struct crumb_before crumb_enter(const char *section, uint32_t generation,
                                              const char *hook)
{
    struct crumb *c = &crumb_here;
    struct crumb_before before = {atomic_load_explicit(&c->hook, memory_order_relaxed),
                                  atomic_load_explicit(&c->section, memory_order_relaxed),
                                  atomic_load_explicit(&c->generation, memory_order_relaxed)};

    atomic_store_explicit(&c->section, section, memory_order_relaxed);
    atomic_store_explicit(&c->generation, generation, memory_order_relaxed);
    atomic_store_explicit(&c->calls, atomic_load_explicit(&c->calls, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    atomic_store_explicit(&c->hook, hook, memory_order_relaxed);
    return before;
}

static inline void crumb_leave(struct crumb_before before)
{
    struct crumb *c = &crumb_here;

    atomic_store_explicit(&c->hook, before.hook, memory_order_relaxed);
    atomic_store_explicit(&c->section, before.section, memory_order_relaxed);
    atomic_store_explicit(&c->generation, before.generation, memory_order_relaxed);
}

/* The first and the last thing of a thread that may run plugins: between the two it is watched.
 * The name is copied, up to 15 bytes. A thread for which there is no room is not watched. */
void crumb_thread_begin(const char *name);
void crumb_thread_end(void);

struct crumb_seen { /* of one thread, at one look; hook NULL: no plugin runs there */
    char thread[16];
    const char *hook, *section;
    uint32_t generation, calls;
};
#define CRUMB_THREADS 256
/* What all threads run, each in its place for as long as it lives; *ret has CRUMB_THREADS entries.
 * [any] takes a lock that no plugin call takes. */
void crumb_look(struct crumb_seen *ret);
#endif
