/* JSON that is being written, by a plugin or by the core: a buffer and the depth it is at. The
 * first error sticks.
 *
 * An out begins inside one open object and is closed by out_finish. What kind of thing it will
 * become (a payload, a message, an HTTP answer) is its owner's business: `owner_kind` and `owner`
 * are the owner's, as is its memory.
 */
#ifndef MESSAGE_OUT_H
#define MESSAGE_OUT_H
#include "base/buf.h"

#include <parley/plugin.h>

#define OUT_DEPTH 32
struct out {
    struct parley_out pub; /* first */
    struct buf text;       /* "{…" so far */
    int error; /* 0, -EINVAL (a key where none may be, or none where one must, closing what is not
                  open, bad UTF-8 or a NUL in a string), -E2BIG, -ENOMEM; parley_refuse sets -EINVAL
                  and why */
    char why[256];      /* of parley_refuse */
    uint8_t depth;      /* 1: in the outermost object */
    uint32_t is_list;   /* a bit a depth */
    uint32_t has_items; /* a bit a depth */
    int owner_kind;
    void *owner;
};
void out_init(struct out *o, size_t limit_bytes);
void out_clear(struct out *o); /* as new, keeping the memory */
void out_finish_memory(struct out *o);
/* Closes the outermost object. Left-open lists or objects are -EINVAL. Twice the same gives the
 * same.
 * @retval 0 o->text is a whole JSON object. */
int out_end(struct out *o);
/* Behind the SDK's writers. */
void out_put_str(parley_out *o, const char *key, parley_str v); /* absent: nothing */
void out_put_int(parley_out *o, const char *key, int64_t v);
void out_put_number(parley_out *o, const char *key,
                    double v); /* as jansson prints it: always a real, "1.0"; not finite: -EINVAL */
void out_put_bool(parley_out *o, const char *key, bool v);
void out_put_value(parley_out *o, const char *key, const parley_value *v); /* NULL: nothing */
void out_put_raw(parley_out *o, const char *key,
                 parley_str json); /* text that is known to be JSON */
void out_open_list(parley_out *o, const char *key);
void out_open_object(parley_out *o, const char *key);
void out_close(parley_out *o);
int out_refuse(parley_out *o, const char *text);
static inline struct out *out_of(parley_out *o)
{
    return (struct out *)o;
}
#endif
