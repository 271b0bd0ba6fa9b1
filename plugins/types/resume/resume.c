/* resume: a client that was away tells the last message it has seen in a channel, and wants the
 * rest. The hub `recent` answers.
 *
 * PARLEY_OPEN, for a new connection is in no channel that it did not join.
 */
#include <parley/plugin.h>

static const parley_field fields[] = {
    PARLEY_FIELD("channel", PARLEY_STRING, "1..64", NULL,
                 PARLEY_REQUIRED | PARLEY_CHANNEL | PARLEY_OPEN, "Where"),
    PARLEY_FIELD("epoch", PARLEY_STRING, "1..64", NULL, PARLEY_REQUIRED,
                 "The life of the channel that the offset belongs to"),
    PARLEY_FIELD("offset", PARLEY_INT, "0..", NULL, PARLEY_REQUIRED,
                 "Of the latest message that was seen; 0: none"),
};
static const parley_type type = {
    .struct_size = sizeof type, .type = "resume", .fields = PARLEY_TABLE(fields)};
static const parley_provided provides[] = {{"parley.type/1", &type}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.resume",
                 .version = "1.0.0",
                 .doc = "Asks for what was missed in a channel",
                 .provides = PARLEY_TABLE(provides)};
