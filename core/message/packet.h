/* A message as its receivers get it: type, sender, payload, and its frames, one a protocol, encoded
 * when first needed.
 *
 * Immutable but for the frames, which the hub alone adds; counted, so that history and greetings
 * keep what was sent without a copy.
 */
#ifndef MESSAGE_PACKET_H
#define MESSAGE_PACKET_H
#include "client/frame.h"
#include "loop/mail.h"

#include <parley/plugin.h>

struct registry;
struct packet {
    struct parley_packet pub; /* first */
    _Atomic uint32_t refs;
    enum lane lane;
    int64_t cache_id, offset;
    parley_str type, sender, payload, channel, epoch; /* in this allocation */
    struct frame *frames[PROTOCOLS_MAX];
};
struct packet_parts {
    parley_str type, sender, payload, channel, epoch;
    int64_t cache_id, offset;
    enum lane lane;
};
struct packet *packet_new(
    const struct packet_parts *parts); /* copies; one reference, the caller's. NULL: no memory */
/* The same for a payload that is written in its place: begin, add it to `text`, end. The strings of
 * `parts` (but for its payload) are read by both. `expected_bytes` of payload need no second
 * allocation. */
void packet_begin(struct buf *text, const struct packet_parts *parts, size_t expected_bytes);
/* `text` is empty then, whatever is returned. */
struct packet *packet_end(struct buf *text, const struct packet_parts *parts);
struct packet *packet_ref(struct packet *p);
void packet_unref(struct packet *p); /* takes NULL */
/* The frame of a protocol: borrowed. NULL: no memory, or it cannot be said in that protocol. [hub]
 */
struct frame *packet_frame(struct packet *p, const struct registry *r, uint8_t protocol);
static inline struct packet *packet_of(const parley_packet *p)
{
    return (struct packet *)(uintptr_t)p;
}
#endif
