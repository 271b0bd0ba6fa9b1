/* Logins that an authenticator cannot decide at once, and the refresh of those that it did. Private
 * to core/client. [pump]
 */
#ifndef CLIENT_LOGIN_WAIT_H
#define CLIENT_LOGIN_WAIT_H
#include "client/client.h"

struct login_wait {
    struct login *login; /* that is not decided; NULL: none is */
    char *refresh_id;    /* of a refresh: an ack or error is asked for */
    int64_t since_ms;    /* that refresh came */
    int64_t window_ms;   /* when the window began in which refreshes are counted */
    uint32_t refreshes;  /* in it */
};
struct login_wait *login_wait_new(void);    /* NULL: no memory */
void login_wait_free(struct login_wait *w); /* and the login; takes NULL */

/* Asks about the login that waits at this client, if one does; acts on the answer. */
void login_wait_check(struct client *c);
void login_wait_tick(struct client *c, int64_t now_ms); /* a refresh has a deadline */
/* `refresh {token}` came. id: absent: no answer is asked for. */
void login_wait_refresh(struct client *c, parley_str id, const parley_value *fields);
#endif
