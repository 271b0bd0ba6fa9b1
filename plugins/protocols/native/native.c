/* The native protocol: one JSON object a text frame on /ws, as OnRabble's clients speak it.
 *
 * On the road: decode runs on a read pump for every frame that comes in; encode wherever a message
 * is first wanted, once for all its receivers. Both only put pieces behind one another: nothing
 * here formats or allocates.
 */
#include <parley/protocol.h>

#define ID_BYTES         64
#define ADD(to, literal) parley_bytes_add(to, literal, sizeof(literal) - 1)

/* An explicit null, as far as the readers of the SDK can tell: {} and [] look the same to them. */
static bool is_nothing(const parley_value *v)
{
    return !parley_as_str(v).p && parley_length(v) == 0 &&
           parley_as_number(v, 0) < parley_as_number(v, 1) &&
           parley_as_bool(v, false) != parley_as_bool(v, true);
}

static int decode(const void *options, parley_str frame, parley_input *in)
{
    const parley_value *root = parley_input_json(in, frame), *id;

    (void)options;
    if (!root)
        return -EINVAL;
    /* The id comes first, so that what is refused for another reason is answered by its name. */
    id = parley_get(root, "id");
    if (!is_nothing(id)) {
        in->id = parley_as_str(id);
        if (in->id.n < 1 || in->id.n > ID_BYTES) {
            in->id = PARLEY_NONE;
            return parley_input_bad(in, PARLEY_E_INVALID_MESSAGE,
                                    "'id' must be a string of 1..%d bytes", ID_BYTES);
        }
    }
    in->type = parley_as_str(parley_get(root, "type"));
    if (in->type.n == 0)
        return parley_input_bad(in, PARLEY_E_INVALID_MESSAGE,
                                "a message is an object whose 'type' is a string");
    in->fields = root;
    return 0;
}

static void add_int(parley_bytes *to, int64_t v)
{
    uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    char digits[20];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (v < 0)
        ADD(to, "-");
    parley_bytes_add(to, digits + at, sizeof digits - at);
}

static void encode_ack(const parley_event *e, parley_bytes *to)
{
    ADD(to, "{\"type\":\"ack\",\"sender\":\"Server\",\"payload\":{\"id\":");
    parley_bytes_add_json(to, e->id);
    if (e->cache_id) {
        ADD(to, ",\"cacheID\":");
        add_int(to, e->cache_id);
    }
    if (e->epoch.p) {
        ADD(to, ",\"epoch\":");
        parley_bytes_add_json(to, e->epoch);
    }
    if (e->offset) {
        ADD(to, ",\"offset\":");
        add_int(to, e->offset);
    }
    ADD(to, "}}");
}

static void encode_error(const parley_event *e, parley_bytes *to)
{
    ADD(to, "{\"type\":\"error\",\"sender\":\"Server\",\"payload\":{");
    if (e->id.p) {
        ADD(to, "\"id\":");
        parley_bytes_add_json(to, e->id);
        ADD(to, ",");
    }
    ADD(to, "\"code\":");
    parley_bytes_add_json(to, e->code);
    ADD(to, ",\"message\":");
    parley_bytes_add_json(to, e->text.p ? e->text : PARLEY_STR(""));
    if (e->retry_after_ms > 0) {
        ADD(to, ",\"retry_after_ms\":");
        add_int(to, e->retry_after_ms);
    }
    ADD(to, "}}");
}

static int encode(const void *options, const parley_event *e, parley_bytes *to)
{
    (void)options;
    switch (e->kind) {
    case PARLEY_EVENT_MESSAGE:
        ADD(to, "{\"type\":");
        parley_bytes_add_json(to, e->type);
        ADD(to, ",\"sender\":");
        parley_bytes_add_json(to, e->sender);
        ADD(to, ",\"payload\":");
        parley_bytes_add_str(to, e->payload);
        ADD(to, "}");
        return 0;
    case PARLEY_EVENT_ACK:
        encode_ack(e, to);
        return 0;
    case PARLEY_EVENT_ERROR:
        encode_error(e, to);
        return 0;
    default:
        return -EINVAL;
    }
}

static const parley_protocol protocol = {.struct_size = sizeof protocol,
                                         .name = "native",
                                         .path = "/ws",
                                         .decode = decode,
                                         .encode = encode};
static const parley_provided provides[] = {{"parley.protocol/1", &protocol}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.native",
                 .version = "1.0.0",
                 .doc = "JSON objects over WebSocket, as OnRabble's clients speak them",
                 .provides = PARLEY_TABLE(provides)};
