/* From events to frames and back: the protocol plugins, as the core calls them. [any] */
#ifndef MESSAGE_ENCODE_H
#define MESSAGE_ENCODE_H
#include "base/buf.h"
#include "client/frame.h"
#include "message/value.h"
#include "plugin/registry.h"

struct bytes {               /* behind parley_bytes */
    struct parley_bytes pub; /* first */
    struct buf text;
};
struct input {               /* behind parley_input */
    struct parley_input pub; /* first */
    struct arena *arena;
    unsigned depth, tokens;
    parley_code code; /* of the failure */
    char why[256];
};
/* One reference, the caller's. NULL: no memory, or the protocol failed (logged). */
struct frame *encode_event(const struct plugin_protocol *p, const parley_event *e);
struct frame *encode_error(const struct plugin_protocol *p, parley_str id, parley_code code,
                           const char *text, int64_t retry_after_ms);
struct frame *encode_ack(const struct plugin_protocol *p, parley_str id);
/* A message from the server itself: type, and the text of a JSON object. */
struct frame *encode_notice(const struct plugin_protocol *p, const char *type, parley_str payload);
/* One text frame in. 0: in->pub.type, id and fields are set, in `arena`; -EINVAL: in->code and
 * in->why. */
int decode_input(const struct plugin_protocol *p, parley_str frame, struct input *in);
const char *code_name(parley_code c); /* "rate_limited" */
#endif
