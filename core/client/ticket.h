/* Tickets: what stands in for a token where a browser cannot send one. Issued and redeemed through
 * client/login.h.
 *
 * All pumps and the control loop share one store, under one lock. It keeps hashes, never a ticket
 * itself, and is bounded in all and by user.
 */
#ifndef CLIENT_TICKET_H
#define CLIENT_TICKET_H
#include "client/login.h"

#define TICKETS_MAX      10000
#define TICKETS_USER_MAX 20

struct tickets;
struct tickets *tickets_new(void);                /* NULL: no memory */
void tickets_free(struct tickets *t);             /* takes NULL */
size_t tickets_out(struct tickets *t);            /* how many could be redeemed now. [any] */
struct tickets *logins_tickets(struct logins *l); /* login.c */
#endif
