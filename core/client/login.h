/* Who is at the door: asks the authenticators in the order of the INI, keeps their snapshots, and
 * the tickets.
 *
 * A check runs on a pump, from what the authenticator published; what cannot be told yet waits as a
 * login, and is asked about again at each publication, for [server] authentication_timeout at most.
 * Tickets are single use, live 30 s, and are known to all pumps.
 */
#ifndef CLIENT_LOGIN_H
#define CLIENT_LOGIN_H
#include "base/arena.h"
#include "loop/mail.h"

#include <parley/auth.h>

struct registry;
struct settings;
struct logins; /* one a daemon */
struct login_query {
    parley_str name, value;
};
struct login {               /* one question; owned by whoever asks */
    struct parley_login pub; /* first */
    struct arena arena;
    parley_str bearer, address;
    struct login_query *query;
    size_t query_count;
    struct identity *identity; /* when admitted: a reference */
    char why[256];             /* when refused; never holds a secret */
    int later_section;         /* index of the authenticator that said LATER */
    int section;               /* index of the one that is being asked */
    struct logins *logins;     /* who asks, while a check runs */
    struct arena *json;        /* what login_json made of texts; NULL: no check runs */
};
struct logins *logins_new(const struct registry *r, const struct settings *s);
void logins_free(struct logins *l);
/* Copies what it is given. NULL: no memory. */
struct login *login_new(parley_str bearer, const struct login_query *query, size_t query_count,
                        const char *address);
void login_free(struct login *l);
/* @return PARLEY_ADMIT (login->identity), PARLEY_REFUSE (login->why), PARLEY_LATER, or
 * PARLEY_NOT_MINE: no credentials at all. [pump] [control]; LATER has told the authenticator that
 * it is `wanted`, once until it publishes (or a second has passed). Between a LATER and the moment
 * from which RECHECK finds the login a publication may go by: whoever begins to wait asks once
 * more. */
parley_answer_at_door login_check(struct logins *l, struct login *login);
/* Behind the SDK's functions, plugin/api.c */
struct plugin_instance;
int logins_publish(struct logins *l, struct plugin_instance *section, void *take_snapshot,
                   void (*destroy)(void *)); /* [control] then RECHECK to all pumps */
void logins_on_publish(struct logins *l, void (*tell)(void *arg), void *arg);
/* Tickets. [any] */
#define TICKET_BYTES 48
int ticket_issue(struct logins *l, struct identity *i,
                 char out[TICKET_BYTES]); /* 0, -EAGAIN: too many are out */
struct identity *
ticket_redeem(struct logins *l,
              parley_str ticket); /* a reference; NULL: unknown, used, or too old */
#define TICKET_LIFE_MS 30000
/* Behind <parley/auth.h>. `user` is 1 to 255 bytes, `username` 1 to 64; both, and all other texts,
 * valid UTF-8 without controls; what is not so is refused, and says why. Users of the second and
 * later sections are "<section>:<user>", within the same bound; nobody else may be called so. Of
 * the identity no more is read than its struct_size says. [pump] [control] */
parley_str login_bearer(const parley_login *l);
parley_str login_query(const parley_login *l, const char *name); /* absent: not in the query */
parley_str login_address(const parley_login *l);
/* Until the check returns. NULL: value_parse() refuses it, or no check runs. */
const parley_value *login_json(parley_login *l, parley_str text, unsigned depth, unsigned values);
int32_t login_admit(parley_login *l,
                    const parley_identity *from); /* PARLEY_ADMIT, or PARLEY_REFUSE */
int32_t
login_refuse(parley_login *l,
             const char *text); /* PARLEY_REFUSE; text is cut at 255 bytes, controls are escaped */
#endif
