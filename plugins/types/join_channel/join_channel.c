/* join_channel: the wish to be in a channel. The hub `channels` fulfils it.
 *
 * PARLEY_OPEN, for who asks to come in is not in yet.
 */
#include <parley/plugin.h>

static const parley_field fields[] = {
    PARLEY_FIELD("channel", PARLEY_STRING, "1..64", NULL,
                 PARLEY_REQUIRED | PARLEY_CHANNEL | PARLEY_OPEN, "Where to come in"),
};
static const parley_type type = {
    .struct_size = sizeof type, .type = "join_channel", .fields = PARLEY_TABLE(fields)};
static const parley_provided provides[] = {{"parley.type/1", &type}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.join_channel",
                 .version = "1.0.0",
                 .doc = "The wish to be in a channel",
                 .provides = PARLEY_TABLE(provides)};
