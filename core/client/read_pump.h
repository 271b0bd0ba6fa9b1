/* The read pump: pieces of frames in, messages for the hub out. Private to core/client but for
 * client_receive, which net/ calls. [pump]
 */
#ifndef CLIENT_READ_PUMP_H
#define CLIENT_READ_PUMP_H
#include "base/buf.h"
#include "client/client.h"

struct message;
struct incoming {
    struct buf pieces; /* of the message at hand */
    uint32_t fragments;
    bool frame_open; /* the WebSocket frame at hand has further bytes to come */
    int64_t since_ms;
    struct buf early; /* whole messages that came before it was OPEN, each behind its length */
};

void read_pump_drop(struct client *c); /* whatever of its messages is kept here */
/* The client is OPEN: what came before that is read now. */
void read_pump_replay(struct client *c);
/* A message came home: its credit is given back, its memory kept for another one. */
void read_pump_settled(struct pump *p, struct message *m);
/* It waits for a person: only its credit comes back now. */
void read_pump_credit(struct pump *p, const struct mail_credit *m);
void read_pump_finish(struct pump *p);
#endif
