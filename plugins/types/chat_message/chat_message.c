/* chat_message: what a person says in a channel.
 *
 * On the road: construct, on a read pump. The field table has checked kinds and sizes, and the host
 * will check the channel; left is what only this type knows: the length that the INI allows, and
 * that white space alone says nothing.
 */
#include <parley/plugin.h>

struct options {
    int64_t max_length;
};
static const parley_field options_table[] = {
    PARLEY_OPTION("max_length", PARLEY_INT, struct options, max_length, "1..16000", "1000", 0,
                  "Longest message, in Unicode characters"),
};
static const parley_field fields[] = {
    PARLEY_FIELD("channel", PARLEY_STRING, "1..64", NULL, PARLEY_REQUIRED | PARLEY_CHANNEL,
                 "Where it is said"),
    PARLEY_FIELD("message", PARLEY_STRING, "1..16000", NULL, PARLEY_REQUIRED | PARLEY_TEXT,
                 "What is said"),
};

/* All of Unicode's White_Space, and what has no width at all. */
static bool is_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200d) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x2060 || c == 0x3000 || c == 0xfeff;
}

/* The host vouches for UTF-8, so the first byte of a character tells how it goes on. */
static bool is_blank(parley_str s)
{
    for (size_t i = 0; i < s.n;) {
        unsigned first = (unsigned char)s.p[i];
        uint32_t c = first < 0x80 ? first : first & (first < 0xe0 ? 0x1f : first < 0xf0 ? 0xf : 7);

        while (++i < s.n && (s.p[i] & 0xc0) == 0x80)
            c = c << 6 | (s.p[i] & 0x3fu);
        if (!is_space(c))
            return false;
    }
    return true;
}

static int64_t characters(parley_str s)
{
    int64_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += (s.p[i] & 0xc0) != 0x80;
    return n;
}

static int construct(const void *options, const parley_value *in, parley_out *payload)
{
    const struct options *o = (const struct options *)options;
    const parley_value *value = parley_get(in, "message");
    parley_str message = parley_as_str(value);

    /* A character has a byte at least: few need to be counted. */
    if (message.n > (size_t)o->max_length && characters(message) > o->max_length)
        return parley_refuse(payload, "'message' may have %" PRId64 " characters, not more",
                             o->max_length);
    if (is_blank(message))
        return parley_refuse(payload, "'message' says nothing: it is only white space");
    parley_put_value(payload, "channel", parley_get(in, "channel"));
    parley_put_value(payload, "message", value);
    return 0;
}

static const parley_type type = {.struct_size = sizeof type,
                                 .type = "chat_message",
                                 .flags = PARLEY_SIGNED,
                                 .fields = PARLEY_TABLE(fields),
                                 .construct = construct};
static const parley_provided provides[] = {{"parley.type/1", &type}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.chat_message",
                 .version = "1.0.0",
                 .doc = "What people say in channels",
                 .options_size = sizeof(struct options),
                 .options = PARLEY_TABLE(options_table),
                 .provides = PARLEY_TABLE(provides)};
