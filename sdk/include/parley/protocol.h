/* <parley/protocol.h>: protocols, "parley.protocol/1". What a message looks like on the wire, in both directions.
 *
 * One whole, valid UTF-8 text frame comes in; what goes out is encoded once, whatever the number of its receivers, and
 * framed by the host. That frame, alone of all parley_str, is not followed by a 0: it lies where it was received. Both
 * directions run on any loop, many at once: options, and no state. Unless it says otherwise a function here is [pump];
 * terms and rules are those of <parley/plugin.h>; all since 1.0.
 */
#ifndef PARLEY_PROTOCOL_H
#define PARLEY_PROTOCOL_H
#include <parley/plugin.h>

struct parley_input { const parley_api *api;                 /* decode fills it in */
    parley_str type, id;                                     /* id: chosen by the client, absent: no ack is asked for */
    const parley_value *fields; };                           /* an object */
struct parley_bytes { const parley_api *api; };              /* a frame that is being written; want of memory is the host's to notice */

enum { PARLEY_EVENT_MESSAGE, PARLEY_EVENT_ACK, PARLEY_EVENT_ERROR };
typedef struct { uint32_t struct_size; int32_t kind;
    parley_str type, sender, payload;                        /* MESSAGE: payload is the text of a JSON object */
    parley_str id;                                           /* ACK, ERROR: of the message it answers; ERROR: may be absent */
    parley_str code, text; int64_t retry_after_ms;           /* ERROR: "rate_limited"; for people; 0: not told */
    int64_t cache_id, offset; parley_str epoch, channel; } parley_event; /* 0 and absent: has none */

typedef struct { uint32_t struct_size;
    const char *name, *path;                                 /* "native", "/ws" */
    int (*decode)(const void *options, parley_str frame, parley_input *in);            /* 0, or parley_input_bad() */
    int (*encode)(const void *options, const parley_event *e, parley_bytes *to);       /* [any] 0, or not sent */
} parley_protocol;

#define API static inline
API const parley_value *parley_input_json(parley_input *in, parley_str text)   /* NULL: not JSON; the error is noted, return -EINVAL */
{ return in->api->input_json(in, text); }
API int parley_input_bad(parley_input *in, parley_code c, const char *format, ...) PARLEY_PRINTF(3); /* what is wrong, for the client: -EINVAL */
API int parley_input_bad(parley_input *in, parley_code c, const char *format, ...)
{ char b[256]; va_list ap; va_start(ap, format); vsnprintf(b, sizeof b, format, ap); va_end(ap); return in->api->input_bad(in, c, b); }
API void parley_bytes_add(parley_bytes *b, const void *p, size_t n)             /* [any] as they are */
{ b->api->bytes_add(b, p, n); }
API void parley_bytes_add_str(parley_bytes *b, parley_str s) { b->api->bytes_add(b, s.p, s.n); } /* [any] as it is */
API void parley_bytes_add_json(parley_bytes *b, parley_str s) { b->api->bytes_add_json(b, s); }  /* [any] quoted and escaped */
#undef API
#endif
