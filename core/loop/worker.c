/* Workers: a few threads for what would block a loop. First come, first served; results go home as
 * mail.
 *
 * The wait is bounded: whoever is told -EAGAIN has something to say to its client, which is better
 * than a queue that grows with what strangers send. At the end nothing that was accepted is left
 * undone.
 */
#include "loop/deliver.h"

#include <errno.h>
#include <stdio.h>

enum { WAITING_MAX = 1024, THREADS_MAX = 64 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct worker_job *first,
        *last; /* linked by mail.node, which is not in a mailbox while it waits here */
    unsigned waiting;
    bool accepting, stopping;
    pthread_t threads[THREADS_MAX];
    int thread_count;
} workers = {.lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER};

/* With the lock held, some job waiting. */
static struct worker_job *take_first(void)
{
    struct worker_job *j = workers.first;

    workers.first = (struct worker_job *)j->mail.node.next;
    if (!workers.first)
        workers.last = NULL;
    workers.waiting--;
    return j;
}

static void *work(void *arg)
{
    (void)arg;
    domain_enter(DOMAIN_WORKER);
    pthread_mutex_lock(&workers.lock);
    for (;;) {
        while (!workers.first && !workers.stopping)
            pthread_cond_wait(&workers.some, &workers.lock);
        if (!workers.first)
            break;
        struct worker_job *j = take_first();
        pthread_mutex_unlock(&workers.lock);
        j->job(j);
        actor_post(j->asker, &j->mail, MAIL_WORKED);
        pthread_mutex_lock(&workers.lock);
    }
    pthread_mutex_unlock(&workers.lock);
    return NULL;
}

int workers_start(int threads)
{
    if (threads < 1 || threads > THREADS_MAX)
        return -EINVAL;
    pthread_mutex_lock(&workers.lock);
    workers.accepting = true;
    workers.stopping = false;
    pthread_mutex_unlock(&workers.lock);
    for (int i = 0; i < threads; i++) {
        char name[16];
        snprintf(name, sizeof name, "worker %d", i % THREADS_MAX);
        int error = thread_start(&workers.threads[i], work, NULL, name);
        if (error) {
            workers_stop();
            return error;
        }
        workers.thread_count = i + 1;
    }
    return 0;
}

int workers_submit(struct worker_job *j, struct actor *asker)
{
    int result = 0;

    j->asker = asker;
    pthread_mutex_lock(&workers.lock);
    if (!workers.accepting) {
        result = -ESHUTDOWN;
    } else if (workers.waiting >= WAITING_MAX) {
        result = -EAGAIN;
    } else {
        j->mail.node.next = NULL;
        if (workers.last)
            workers.last->mail.node.next = &j->mail.node;
        else
            workers.first = j;
        workers.last = j;
        workers.waiting++;
        pthread_cond_signal(&workers.some);
    }
    pthread_mutex_unlock(&workers.lock);
    return result;
}

void workers_stop(void)
{
    pthread_mutex_lock(&workers.lock);
    workers.accepting = false;
    workers.stopping = true;
    pthread_cond_broadcast(&workers.some);
    pthread_mutex_unlock(&workers.lock);
    for (int i = 0; i < workers.thread_count; i++)
        pthread_join(workers.threads[i], NULL);
    workers.thread_count = 0;
}
