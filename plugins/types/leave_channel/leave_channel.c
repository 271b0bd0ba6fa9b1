/* leave_channel: the wish to be out of a channel. The hub `channels` fulfils it.
 *
 * PARLEY_OPEN, so that it may be said twice: to be out already is what was asked for.
 */
#include <parley/plugin.h>

static const parley_field fields[] = {
    PARLEY_FIELD("channel", PARLEY_STRING, "1..64", NULL,
                 PARLEY_REQUIRED | PARLEY_CHANNEL | PARLEY_OPEN, "Which one to leave"),
};
static const parley_type type = {
    .struct_size = sizeof type, .type = "leave_channel", .fields = PARLEY_TABLE(fields)};
static const parley_provided provides[] = {{"parley.type/1", &type}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.leave_channel",
                 .version = "1.0.0",
                 .doc = "The wish to be out of a channel",
                 .provides = PARLEY_TABLE(provides)};
