/* @NAME@: messages as lists. In: ["chat_message", {"channel": ...}, "id"], the id only if an ack is
 * wanted. Out: ["chat_message", "ann", {...}], ["ack", "id", cacheID], ["error", "id", "code", "text"].
 *
 * Both directions run on many threads at once: options, and no state. What goes out is encoded once
 * for all its receivers, and framed by the server.
 */
#include <parley/protocol.h>

static int decode(const void *options, parley_str frame, parley_input *in)
{
    const parley_value *list = parley_input_json(in, frame);

    (void)options;
    if (!list)
        return -EINVAL; /* not JSON; the server says why */
    in->id = parley_as_str(parley_at(list, 2));
    if (in->id.n > 64) {
        in->id = PARLEY_NONE;
        return parley_input_bad(in, PARLEY_E_INVALID_MESSAGE, "an id may have 64 bytes");
    }
    in->type = parley_as_str(parley_at(list, 0));
    in->fields = parley_at(list, 1);
    if (parley_key(parley_at(list, 0)).p || in->type.n == 0 || !in->fields)
        return parley_input_bad(in, PARLEY_E_INVALID_MESSAGE, "a message is a list: [\"type\", {...}]");
    return 0;
}

static void add_text(parley_bytes *to, const char *before, parley_str text)
{
    parley_bytes_add(to, before, strlen(before));
    parley_bytes_add_json(to, text.p ? text : PARLEY_STR(""));
}

static int encode(const void *options, const parley_event *e, parley_bytes *to)
{
    char number[32];

    (void)options;
    if (e->kind == PARLEY_EVENT_MESSAGE) {
        add_text(to, "[", e->type);
        add_text(to, ",", e->sender);
        parley_bytes_add(to, ",", 1);
        parley_bytes_add_str(to, e->payload);
    } else if (e->kind == PARLEY_EVENT_ACK) {
        add_text(to, "[\"ack\",", e->id);
        parley_bytes_add(to, number, (size_t)snprintf(number, sizeof number, ",%" PRId64, e->cache_id));
    } else {
        add_text(to, "[\"error\",", e->id);
        add_text(to, ",", e->code);
        add_text(to, ",", e->text);
    }
    parley_bytes_add(to, "]", 1);
    return 0;
}

static const parley_protocol protocol = {
    .struct_size = sizeof protocol, .name = "@NAME@", .path = "/@NAME@", .decode = decode, .encode = encode};
static const parley_provided provides[] = {{"parley.protocol/1", &protocol}};
PARLEY_PLUGIN = {
    .preamble = PARLEY_PREAMBLE, .id = "org.example.@NAME@", .version = "0.1.0", .doc = "Messages as lists", .provides = PARLEY_TABLE(provides)};
