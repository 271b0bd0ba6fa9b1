/* The answer to the upgrade and the greeting in one packet: a packet costs more than what is in it,
 * and most that is done for a connection is done for these two.
 *
 * net/ corks the socket of whom it lets in, before libwebsockets answers; when the hub has admitted
 * him, and the mail that followed is delivered, the flush pulls the cork. [pump] */
#ifndef CLIENT_CORK_H
#define CLIENT_CORK_H
#include "client/client.h"

void cork_end(struct client *c);  /* admitted, or closing: the next flush uncorks it */
void cork_pass(struct pump *p);   /* at the flush */
void cork_finish(struct pump *p); /* frees; after the last client closed */
#endif
