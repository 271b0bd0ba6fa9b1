/* @NAME@: a message with a text and a number of stars.
 *
 * The server checks what clients send against the table of fields; construct writes what the
 * members of the channel get, and refuses what the table cannot know.
 */
#include <parley/plugin.h>

struct options { int64_t least; };
static const parley_field options[] = {
    PARLEY_OPTION("least_stars", PARLEY_INT, struct options, least, "1..5", "1", 0, "Fewer may not be given"),
};
static const parley_field fields[] = {
    PARLEY_FIELD("channel", PARLEY_STRING, "1..64", NULL, PARLEY_REQUIRED | PARLEY_CHANNEL, "Where it is said"),
    PARLEY_FIELD("text", PARLEY_STRING, "1..500", NULL, PARLEY_REQUIRED | PARLEY_TEXT, "What is said"),
    PARLEY_FIELD("stars", PARLEY_INT, "1..5", "5", 0, "How good it is"),
};

static int construct(const void *options_of_section, const parley_value *in, parley_out *payload)
{
    const struct options *o = (const struct options *)options_of_section;
    int64_t stars = parley_as_int(parley_get(in, "stars"), 5);

    if (stars < o->least)
        return parley_refuse(payload, "'stars' must be %" PRId64 " here, or more", o->least);
    parley_put_value(payload, "channel", parley_get(in, "channel"));
    parley_put_value(payload, "text", parley_get(in, "text"));
    parley_put_int(payload, "stars", stars);
    return 0;
}

static const parley_type type = {
    .struct_size = sizeof type, .type = "@NAME@", .flags = PARLEY_SIGNED, .fields = PARLEY_TABLE(fields), .construct = construct};
static const parley_provided provides[] = {{"parley.type/1", &type}};
PARLEY_PLUGIN = {
    .preamble = PARLEY_PREAMBLE, .id = "org.example.@NAME@", .version = "0.1.0", .doc = "A text with stars",
    .options_size = sizeof(struct options), .options = PARLEY_TABLE(options), .provides = PARLEY_TABLE(provides)};
