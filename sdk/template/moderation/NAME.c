/* @NAME@: refuses messages that have one of the option's words in them. */
#define _GNU_SOURCE /* strcasestr */
#include <parley/plugin.h>

struct options { parley_list words; };
static const parley_field options[] = {
    PARLEY_OPTION("words", PARLEY_LIST, struct options, words, "0..100 of 1..40", "darn", PARLEY_PER_CHANNEL, "What nobody may say"),
};

static parley_verdict on_message(parley_host *h, parley_message *m)
{
    const struct options *o = parley_options(h, parley_message_channel(m));
    parley_str text;

    for (unsigned i = 0; (text = parley_message_text(m, i)).p; i++)
        for (size_t w = 0; w < o->words.n; w++)
            if (strcasestr(text.p, o->words.items[w].p))
                return parley_reject(h, PARLEY_E_REJECTED, "word", "'%s' is not said here.", o->words.items[w].p);
    return PARLEY_PASS;
}

static const parley_hub hub = {.struct_size = sizeof hub, .phase = PARLEY_PHASE_MODERATE, .on_message = on_message};
static const parley_provided provides[] = {{"parley.hub/1", &hub}};
PARLEY_PLUGIN = {
    .preamble = PARLEY_PREAMBLE, .id = "org.example.@NAME@", .version = "0.1.0", .doc = "Refuses words",
    .options_size = sizeof(struct options), .options = PARLEY_TABLE(options), .provides = PARLEY_TABLE(provides)};
