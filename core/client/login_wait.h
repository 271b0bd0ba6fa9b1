/* Logins that an authenticator cannot decide at once, and the refresh of those that it did. Private
 * to core/client. [pump]
 */
#ifndef CLIENT_LOGIN_WAIT_H
#define CLIENT_LOGIN_WAIT_H
#include "client/client.h"

/* Asks about the login that waits at this client, if one does; acts on the answer. */
void login_wait_check(struct client *c);
void login_wait_tick(struct client *c, int64_t now_ms); /* the deadline of a refresh */
/* `refresh {token}` came. id: absent: no answer is asked for. */
void login_wait_refresh(struct client *c, parley_str id, const parley_value *fields);
#endif
