/* Who is connected, for an operator: a page of the clients at a time.
 *
 * The hub knows who they are and in which channels, their pump from where and how far behind: so a
 * page goes to the hub, then to the one pump that its rows are of, and no page makes either look at
 * more than a bounded number of clients. It belongs to whoever has it.
 */
#ifndef CLIENT_CENSUS_H
#define CLIENT_CENSUS_H
#include "base/arena.h"
#include "base/ip.h"
#include "loop/mail.h"

struct hub;
struct pump;
enum {
    CENSUS_ROWS = 100,     /* of a page */
    CENSUS_LOOKS = 2000,   /* places that a page looks at */
    CENSUS_CHANNELS = 100, /* that are named of one client */
};
struct census_row {
    client_handle client;
    struct identity *identity; /* a reference */
    int64_t connected_unix_ms;
    uint8_t protocol;
    bool closing;
    const parley_str *channels; /* the first CENSUS_CHANNELS of them */
    uint32_t channels_named, channel_count;
    /* the pump's; zero when it was gone by then */
    struct ip address;
    uint32_t queue_bytes, queue_messages;
};
struct census {
    struct arena *arena;      /* borrowed: for what is gathered */
    parley_str user, channel; /* absent: all of them */
    uint32_t limit;           /* rows at most; CENSUS_ROWS is more than enough */
    uint32_t pump, slot;      /* from there on; then where the next page begins */
    bool more;                /* there is a next page; this one may be empty all the same */
    bool unknown_channel;
    struct census_row *rows; /* all of one pump */
    uint32_t count, of_pump;
};
/* Fills the rows but for what the pump knows. 0 or -ENOMEM. [hub] */
int hub_census(struct hub *h, struct census *c);
void pump_census(const struct pump *p, struct census *c); /* [pump] */
void census_finish(struct census *c);                     /* gives the references back. [any] */

struct hub_totals {
    uint32_t clients, users, users_away, channels;
    uint32_t by_protocol[PROTOCOLS_MAX];
};
void hub_totals(const struct hub *h, struct hub_totals *ret); /* [hub] O(1) */
/* Closes with 4403 and that reason: one client, or all those of a user. How many; 0: there is none.
 * [hub] */
unsigned hub_kick(struct hub *h, client_handle client, parley_str user, const char *reason);

/* "0.17.3": pump, slot, generation. */
#define CENSUS_ID_BYTES 32
char *census_id(client_handle client, char out[CENSUS_ID_BYTES]);
client_handle census_parse_id(const char *text); /* 0: it is none */
#endif
