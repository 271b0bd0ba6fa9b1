/* typing: somebody in a channel is writing.
 *
 * A field table and nothing else: the host builds and checks it. Ephemeral, so it is not stored,
 * has no place in the channel, and a slow client never sees it.
 */
#include <parley/plugin.h>

static const parley_field fields[] = {
    PARLEY_FIELD("channel", PARLEY_STRING, "1..64", NULL, PARLEY_REQUIRED | PARLEY_CHANNEL,
                 "Where he is writing"),
};
static const parley_type type = {.struct_size = sizeof type,
                                 .type = "typing",
                                 .flags = PARLEY_SIGNED | PARLEY_EPHEMERAL,
                                 .fields = PARLEY_TABLE(fields)};
static const parley_provided provides[] = {{"parley.type/1", &type}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.typing",
                 .version = "1.0.0",
                 .doc = "Somebody is writing",
                 .provides = PARLEY_TABLE(provides)};
