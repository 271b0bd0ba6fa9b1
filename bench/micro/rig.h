/* The daemon's hub and one pump on one loop, with one client whose socket takes everything: the
 * road as it is, without a network. */
#ifndef MICRO_RIG_H
#define MICRO_RIG_H
#include "client/pump.h"
#include "hub/internal.h"

#define RIG_CAUGHT 64

struct lws { /* behind wire.h, whose functions are the rig's */
    uint64_t sends, bytes;
};
struct rig {
    struct loop loop;
    struct config config;
    struct settings settings;
    struct registry registry;
    struct hub *hub;
    struct pump pump;
    struct actor *pumps[1];
    struct actor catcher; /* stands in the hub's place while messages are caught */
    struct message *caught[RIG_CAUGHT];
    unsigned caught_count;
    struct lws wire;
    struct client *client;
};

/* Ends the program, with the reason, when anything is not as it should be. */
void rig_start(struct rig *r, const char *ini);
void rig_stop(struct rig *r);
void rig_turn(struct rig *r); /* until no mail is left */
void rig_say(struct rig *r, parley_str frame);
/* What the client says goes to r->caught, and not to the hub. Mail in flight is delivered first. */
void rig_catch(struct rig *r, bool on);
void rig_fail(const char *what, const char *why) __attribute__((noreturn));
#endif
