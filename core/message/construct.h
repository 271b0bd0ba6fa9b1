/* From what a protocol decoded to a BaseMessage: the second half of what a frame goes through on
 * its way in, and the same for whoever takes frames. */
#ifndef MESSAGE_CONSTRUCT_H
#define MESSAGE_CONSTRUCT_H
#include "message/encode.h"
#include "message/message.h"
#include "message/out.h"

#define CONSTRUCT_ID_BYTES 64

struct refusal { /* what a client is told */
    parley_code code;
    char why[256];
};

void refusal_set(struct refusal *r, parley_code code, const char *why);

/**
 * Decode one text frame, and hold what every message must be.
 *
 * @param frame   Borrowed for the call.
 * @param in      arena, depth and tokens are set. Afterwards pub.id is absent or may be answered
 * to, whatever is returned; pub.type may be absent on failure.
 * @retval 0        pub.type and pub.fields are set, in in->arena.
 * @retval -EINVAL  *ret_why says why.
 * [any]
 */
int construct_decode(const struct plugin_protocol *p, parley_str frame, struct input *in,
                     struct refusal *ret_why);
/**
 * Check the fields and have the message type construct the payload.
 *
 * @param in     Decoded, in m's arena: what m keeps of it lies there.
 * @param out    The caller's, to write into; its text changes places with m's payload.
 * @param limit  Most bytes of a payload.
 * @retval 0        m has its type, flags, id, channel, recipient and payload.
 * @retval -EINVAL  *ret_why says why; m may be used again as it is.
 * [any]
 */
int construct_message(const struct registry *r, const struct input *in, struct out *out,
                      size_t limit, struct message *m, struct refusal *ret_why);
#endif
