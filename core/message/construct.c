/* The steps from a text frame to a message: decode, look up the type, check the fields, construct.
 *
 * On the road: between the read pump, which has the frame, and the hub, which judges the message.
 * Whatever is wrong with a message alone is found here, and costs the hub nothing.
 */
#include "message/construct.h"

#include "base/log.h"
#include "base/str.h"
#include "message/fields.h"
#include "message/rules.h"
#include "plugin/registry.h"

#define TYPE_SHOWN 64

void refusal_set(struct refusal *r, parley_code code, const char *why)
{
    r->code = code;
    snprintf(r->why, sizeof r->why, "%s", why);
}

int construct_decode(const struct plugin_protocol *p, parley_str frame, struct input *in,
                     struct refusal *ret_why)
{
    bool good = decode_input(p, frame, in) == 0;

    if (!good)
        refusal_set(ret_why, in->code, in->why);
    if (in->pub.id.n <= CONSTRUCT_ID_BYTES)
        return good ? 0 : -EINVAL;
    in->pub.id = PARLEY_NONE;
    if (good)
        refusal_set(ret_why, PARLEY_E_INVALID_MESSAGE, "'id' must be a string of at most 64 bytes");
    return -EINVAL;
}

/* The payload, as the type wants it; it changes places with what the message had. */
static int write_payload(const struct plugin_type *t, const parley_value *fields, struct out *out,
                         size_t limit, struct message *m, struct refusal *r)
{
    int error = 0;
    struct buf text;

    out_clear(out);
    out->text.limit = limit;
    if (t->type.construct) {
        struct crumb_before before = plugin_enter(t->instance, "construct");

        error = t->type.construct(t->options, fields, &out->pub);
        crumb_leave(before);
    } else {
        fields_copy(&t->type.fields, fields, &out->pub);
    }
    if (out->why[0]) {
        refusal_set(r, PARLEY_E_INVALID_MESSAGE, out->why);
        return -EINVAL;
    }
    if (!error)
        error = out_end(out);
    if (error == -E2BIG) {
        refusal_set(r, PARLEY_E_TOO_LARGE, "the message is too large");
        return -EINVAL;
    }
    if (error) {
        log_event(LOG_LEVEL_ERROR, "construct_failed", LOG_STR("type", t->name),
                  LOG_INT("error", error));
        refusal_set(r, error == -ENOMEM ? PARLEY_E_UNAVAILABLE : PARLEY_E_INTERNAL,
                    "the message could not be constructed");
        return -EINVAL;
    }
    text = m->payload;
    m->payload = out->text;
    m->payload.limit = 0;
    out->text = text;
    return 0;
}

int construct_message(const struct registry *r, const struct input *in, struct out *out,
                      size_t limit, struct message *m, struct refusal *ret_why)
{
    const struct plugin_type *t = registry_type(r, in->pub.type);
    char shown[TYPE_SHOWN];

    if (!t || !t->type.fields.count) {
        ret_why->code = PARLEY_E_UNKNOWN_TYPE;
        snprintf(ret_why->why, sizeof ret_why->why, "unknown type '%s'",
                 str_printable(in->pub.type, shown, sizeof shown));
        return -EINVAL;
    }
    if (!rules_pass(t->rules, in->pub.fields) &&
        fields_check(&t->type.fields, in->pub.fields, ret_why->why) < 0) {
        ret_why->code = PARLEY_E_INVALID_MESSAGE;
        return -EINVAL;
    }
    if (write_payload(t, in->pub.fields, out, limit, m, ret_why) < 0)
        return -EINVAL;
    m->type = t;
    m->type_name = t->name;
    m->flags = t->type.flags;
    if (t->channel_field)
        m->channel = fields_str(t->channel_field, in->pub.fields);
    if (t->user_field)
        m->recipient = fields_str(t->user_field, in->pub.fields);
    m->id = in->pub.id;
    return 0;
}
