/* Channels, as the hub keeps them: the catalogue, who is in, and the place of the next message.
 *
 * A channel has a number, by which pumps know it; names are found without regard to ASCII case and
 * kept in the spelling of the catalogue. A new epoch begins with each life of a channel. A message
 * on the road holds a reference: the record outlives the channel until that message is settled.
 * [hub]
 */
#ifndef CHANNEL_CHANNEL_H
#define CHANNEL_CHANNEL_H
#include "base/table.h"
#include "loop/mail.h"

struct hub_slot;
struct hub_channel {
    uint32_t refs;
    bool closed;     /* in the catalogue no more */
    uint32_t number; /* from 1; 0 is everyone */
    parley_str name; /* owned */
    char *folded;    /* name in lower case: the key */
    char epoch[17];
    int64_t offset; /* of its latest message */
    uint32_t member_count;
    uint32_t *on_pump; /* members by pump * PROTOCOLS_MAX + protocol */
    struct hub_slot *slots;
    UT_hash_handle hh;
};
struct channels {
    struct hub_channel *by_name; /* uthash */
    uint32_t next_number;
    uint32_t *free_numbers; /* of closed channels */
    uint32_t free_count, free_cap;
    uint32_t pump_count;
};
#define CHANNEL_NAME_BYTES 64

void channels_init(struct channels *cs, uint32_t pump_count);
void channels_finish(struct channels *cs);
/* 0; -EINVAL: empty, over 64 bytes, controls, or bad UTF-8; -EEXIST; -ENOMEM */
int channel_open(struct channels *cs, parley_str name, struct hub_channel **ret);
/* Forgets it. Its members have left before. Its number may be used again, unless `keep_number`. */
void channel_close(struct channels *cs, struct hub_channel *c, bool keep_number);
struct hub_channel *channel_ref(struct hub_channel *c);
void channel_unref(struct hub_channel *c); /* takes NULL */
struct hub_channel *channel_find(const struct channels *cs,
                                 parley_str any_case); /* NULL: unknown */
#endif
