/* @NAME@: counts the messages of each channel, and tells it when there were many.
 *
 * The count is in a slot: zeroed bytes that the server keeps for the channel. They stay when the
 * plugin is reloaded, and go when the server stops.
 */
#include <parley/plugin.h>

struct options { int64_t every; };
static const parley_field options[] = {
    PARLEY_OPTION("every", PARLEY_INT, struct options, every, "1..1000000", "100", PARLEY_PER_CHANNEL, "After how many messages it is told"),
};
struct seen { int64_t messages; };
static const parley_slot slots[] = {{"seen", 1, sizeof(struct seen)}};
static const parley_metric metrics[] = {{"told", PARLEY_COUNTER, "How often a channel was told"}};

static parley_verdict on_message(parley_host *h, parley_message *m)
{
    parley_str channel = parley_message_channel(m);
    const struct options *o = parley_options(h, channel);
    struct seen *seen = parley_channel_slot(h, channel, &slots[0]);
    parley_out *out;

    if (!seen || ++seen->messages % o->every != 0) /* no slot: it goes to no channel, or there is no memory */
        return PARLEY_PASS;
    out = parley_message_new(h, "@NAME@");
    parley_put_str(out, "channel", channel);
    parley_put_int(out, "messages", seen->messages);
    if (parley_send(out, parley_to_channel(channel)) == 0)
        parley_metric_add(h, &metrics[0], 1);
    return PARLEY_PASS;
}

static const parley_hub hub = {
    .struct_size = sizeof hub, .phase = PARLEY_PHASE_STORE, .types = "chat_message", .on_message = on_message};
static const parley_type told = {.struct_size = sizeof told, .type = "@NAME@", .flags = PARLEY_EPHEMERAL};
static const parley_provided provides[] = {{"parley.hub/1", &hub}, {"parley.type/1", &told}};
PARLEY_PLUGIN = {
    .preamble = PARLEY_PREAMBLE, .id = "org.example.@NAME@", .version = "0.1.0", .doc = "Tells a channel how much was said in it",
    .options_size = sizeof(struct options), .options = PARLEY_TABLE(options), .slots = PARLEY_TABLE(slots),
    .metrics = PARLEY_TABLE(metrics), .provides = PARLEY_TABLE(provides)};
