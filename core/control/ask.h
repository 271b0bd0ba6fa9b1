/* An HTTP request that a hub plugin asks for: from the hub to the control loop, and back with its
 * answer.
 *
 * The hub makes it and frees it; from MAIL_ASK to MAIL_ANSWERED it is the control loop's. It comes
 * back whatever happens, once. Its JSON is read on the way, so that a long answer costs the hub
 * nothing.
 */
#ifndef CONTROL_ASK_H
#define CONTROL_ASK_H
#include "base/arena.h"
#include "base/buf.h"
#include "loop/mail.h"

struct control;
struct ask {
    struct mail mail; /* MAIL_ASK; then MAIL_ANSWERED, to `home` */
    struct actor *home;
    struct ask *next; /* its present owner's */
    void *asker;      /* the hub's */
    char *method, *url;
    struct buf body;     /* an object; "{}" is no body where the method is GET or HEAD */
    int64_t deadline_ms; /* how long the answer may take */
    /* the answer: see parley_answer */
    int error, status;
    struct buf answer;
    struct arena arena;
    const parley_value *json; /* in the arena; NULL: it is none */
    char why[160];            /* for the log, when error is set */
};
/* @param take_body  An object that was ended. Changes places with an empty one. NULL: no memory */
struct ask *ask_new(const char *method, const char *url, struct buf *take_body);
void ask_free(struct ask *a); /* takes NULL */
/* Fills in the answer, and reads its JSON. [any] */
void ask_fill(struct ask *a, int error, int status, parley_str body, const char *why);
void ask_send_home(struct ask *take); /* as MAIL_ANSWERED. [any] */
/* Begins the request; it is sent once, and not again when it fails. [control] */
void control_ask(struct control *c, struct ask *take);
#endif
