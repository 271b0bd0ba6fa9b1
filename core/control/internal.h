/* Shared by the files of this folder. */
#ifndef CONTROL_INTERNAL_H
#define CONTROL_INTERNAL_H
#include "control/control.h"

#include <curl/curl.h>

struct fetch;
struct fetches { /* fetch.c */
    CURLM *multi;
    struct loop *loop;
    ev_timer timer; /* libcurl's one */
    struct fetch *first;
    int count;
    bool closed;
};
int fetches_init(struct fetches *f, struct loop *l);
void fetches_finish(struct fetches *f); /* those under way are answered -ECANCELED */

struct control_timer;
struct condition { /* of a section, or a part of the daemon, that is not ready */
    struct condition *next;
    const void *of; /* the section, or the constant name of the part */
    char title[CONFIG_TITLE_BYTES];
    char why[256];
};
struct control {
    struct actor actor; /* first */
    struct loop loop;
    const struct settings *settings;
    ev_signal signals[3];
    bool watches_signals;
    void (*stop)(void *arg, int signal_number);
    void *stop_arg;
    void (*reload)(void *arg);
    void *reload_arg;
    /* Takes mail that is not control's own (answers of plugins' routes). NULL: nobody is there */
    void (*on_other_mail)(void *arg, struct mail *take_mail);
    void *other_arg;
    bool quiesced;
    struct fetches fetches;
    struct control_timer *timers;
    struct { /* asked about on every loop */
        pthread_mutex_t lock;
        bool listening, draining;
        struct condition *conditions;
    } readiness;
};

/* The authenticator of a section; NULL: it has none. */
const parley_auth *control_auth(const struct plugin_instance *section);
void timers_finish(struct control *c);
#endif
