/* The protocol plugins, as the core calls them: events become frames, frames become input.
 *
 * What a plugin leaves unsaid or says wrongly ends here, as an error with a name.
 */
#include "message/encode.h"

#include "base/log.h"
#include "base/str.h"

#define AROUND_MESSAGE 40
#define AROUND_ANSWER  160

static const char *const code_names[] = {
    [0] = "internal",
    [PARLEY_E_INVALID_MESSAGE] = "invalid_message",
    [PARLEY_E_FORBIDDEN] = "forbidden",
    [PARLEY_E_RATE_LIMITED] = "rate_limited",
    [PARLEY_E_MUTED] = "muted",
    [PARLEY_E_REJECTED] = "rejected",
    [PARLEY_E_UNAVAILABLE] = "unavailable",
    [PARLEY_E_INTERNAL] = "internal",
    [PARLEY_E_INVALID_JSON] = "invalid_json",
    [PARLEY_E_UNKNOWN_TYPE] = "unknown_type",
    [PARLEY_E_TOO_LARGE] = "too_large",
    [PARLEY_E_UNKNOWN_CHANNEL] = "unknown_channel",
    [PARLEY_E_UNKNOWN_RECIPIENT] = "unknown_recipient",
};

const char *code_name(parley_code c)
{
    size_t n = sizeof code_names / sizeof *code_names;

    return c > 0 && (size_t)c < n ? code_names[c] : code_names[0];
}

/* What most protocols need for it: the texts, and some words around them. */
static size_t expected_bytes(const parley_event *e)
{
    return e->type.n + e->sender.n + e->payload.n + e->id.n + e->code.n + e->text.n +
           (e->kind == PARLEY_EVENT_MESSAGE ? AROUND_MESSAGE : AROUND_ANSWER);
}

struct frame *encode_event(const struct plugin_protocol *p, const parley_event *e)
{
    struct bytes b = {.pub.api = &parley_host_api};
    size_t expected = expected_bytes(e);
    struct frame *f = NULL;
    struct crumb_before before;
    int r, error;

    frame_begin(&b.text, expected);
    before = plugin_enter(p->instance, "encode");
    r = p->protocol.encode(p->options, e, &b.pub);
    crumb_leave(before);
    error = b.text.error;
    if (r == 0)
        f = frame_end(&b.text, FRAME_TEXT, expected);
    if (!f) {
        log_event(LOG_LEVEL_ERROR, "encode_failed", LOG_TEXT("protocol", p->instance->name),
                  LOG_STR("type", e->type), LOG_INT("error", r ? r : error));
        buf_finish(&b.text);
    }
    return f;
}

struct frame *encode_error(const struct plugin_protocol *p, parley_str id, parley_code code,
                           const char *text, int64_t retry_after_ms)
{
    parley_event e = {.struct_size = sizeof e,
                      .kind = PARLEY_EVENT_ERROR,
                      .id = id,
                      .code = str_of(code_name(code)),
                      .text = str_of(text),
                      .retry_after_ms = retry_after_ms};

    return encode_event(p, &e);
}

struct frame *encode_ack(const struct plugin_protocol *p, parley_str id)
{
    parley_event e = {.struct_size = sizeof e, .kind = PARLEY_EVENT_ACK, .id = id};

    return encode_event(p, &e);
}

struct frame *encode_notice(const struct plugin_protocol *p, const char *type, parley_str payload)
{
    parley_event e = {.struct_size = sizeof e,
                      .kind = PARLEY_EVENT_MESSAGE,
                      .type = str_of(type),
                      .sender = PARLEY_STR("Server"),
                      .payload = payload};

    return encode_event(p, &e);
}

int decode_input(const struct plugin_protocol *p, parley_str frame, struct input *in)
{
    struct crumb_before before;
    int r;

    in->pub.api = &parley_host_api;
    in->pub.type = in->pub.id = PARLEY_NONE;
    in->pub.fields = NULL;
    in->code = 0;
    before = plugin_enter(p->instance, "decode");
    r = p->protocol.decode(p->options, frame, &in->pub);
    crumb_leave(before);
    if (r == 0 && in->pub.type.p && in->pub.fields)
        return 0;
    if (in->code == 0) {
        in->code = PARLEY_E_INVALID_MESSAGE;
        snprintf(in->why, sizeof in->why, "this is not a message");
    }
    return -EINVAL;
}
