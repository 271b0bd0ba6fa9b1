/* The crumbs of all threads, where the watch finds them. */
#include "base/crumb.h"

#include <pthread.h>

_Thread_local struct crumb crumb_here;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    struct crumb *crumb; /* NULL: free */
    char name[16];
} threads[CRUMB_THREADS];

void crumb_thread_begin(const char *name)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < CRUMB_THREADS; i++)
        if (!threads[i].crumb) {
            threads[i].crumb = &crumb_here;
            snprintf(threads[i].name, sizeof threads[i].name, "%s", name);
            break;
        }
    pthread_mutex_unlock(&lock);
}

void crumb_thread_end(void)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < CRUMB_THREADS; i++)
        if (threads[i].crumb == &crumb_here)
            threads[i].crumb = NULL;
    pthread_mutex_unlock(&lock);
}

void crumb_look(struct crumb_seen *ret)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < CRUMB_THREADS; i++) {
        const struct crumb *c = threads[i].crumb;

        ret[i] = (struct crumb_seen){.hook = NULL};
        if (!c)
            continue;
        memcpy(ret[i].thread, threads[i].name, sizeof ret[i].thread);
        ret[i].calls = atomic_load_explicit(&c->calls, memory_order_relaxed);
        ret[i].hook = atomic_load_explicit(&c->hook, memory_order_relaxed);
        ret[i].section = atomic_load_explicit(&c->section, memory_order_relaxed);
        ret[i].generation = atomic_load_explicit(&c->generation, memory_order_relaxed);
    }
    pthread_mutex_unlock(&lock);
}
