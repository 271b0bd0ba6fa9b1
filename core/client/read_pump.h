/* The read pump: pieces of frames in, messages for the hub out. Private to core/client but for
 * client_receive, which net/ calls. [pump]
 */
#ifndef CLIENT_READ_PUMP_H
#define CLIENT_READ_PUMP_H
#include "client/client.h"

struct message;

/* The client is OPEN: what came before that is read now. */
void read_pump_replay(struct client *c);
/* A message came home: its credit is given back, its memory kept for another one. */
void read_pump_settled(struct pump *p, struct message *m);
void read_pump_finish(struct pump *p);
#endif
