/* The last resort of a stop. A thread of its own, because every other one may be the one that
 * hangs. */
#include "watchdog.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "loop/deliver.h"

#include <time.h>
#include <unistd.h>

static struct {
    pthread_mutex_t lock;
    pthread_cond_t change;
    pthread_t thread;
    bool runs, ended;
    int64_t at_ms;
    int exit_code;
} dog = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *watch(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&dog.lock);
    while (!dog.ended) {
        struct timespec until = {.tv_sec = dog.at_ms / 1000, .tv_nsec = dog.at_ms % 1000 * 1000000};
        if (clock_mono_ms() >= dog.at_ms) {
            log_event(LOG_LEVEL_ERROR, "stop_hung",
                      LOG_TEXT("msg", "something did not end in time, most likely a plugin's hook: "
                                      "the process ends without it"));
            _exit(dog.exit_code);
        }
        pthread_cond_clockwait(&dog.change, &dog.lock, CLOCK_MONOTONIC, &until);
    }
    pthread_mutex_unlock(&dog.lock);
    return NULL;
}

void watchdog_arm(int64_t ms, int exit_code)
{
    pthread_mutex_lock(&dog.lock);
    dog.at_ms = clock_mono_ms() + ms;
    dog.exit_code = exit_code;
    if (!dog.runs) {
        pthread_cond_init(&dog.change, NULL);
        dog.ended = false;
        dog.runs = thread_start(&dog.thread, watch, NULL, "watchdog") == 0;
    } else {
        pthread_cond_signal(&dog.change);
    }
    pthread_mutex_unlock(&dog.lock);
}

void watchdog_disarm(void)
{
    pthread_mutex_lock(&dog.lock);
    bool runs = dog.runs;
    dog.ended = true;
    dog.runs = false;
    if (runs)
        pthread_cond_signal(&dog.change);
    pthread_mutex_unlock(&dog.lock);
    if (!runs)
        return;
    pthread_join(dog.thread, NULL);
    pthread_cond_destroy(&dog.change);
}
