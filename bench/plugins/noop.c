/* A hub that does nothing: what is left of the chain's cost when no hub has any of its own. */
#include <parley/plugin.h>

static parley_verdict on_message(parley_host *h, parley_message *m)
{
    (void)h;
    (void)m;
    return PARLEY_PASS;
}

static const parley_hub hub = {
    .struct_size = sizeof hub, .phase = PARLEY_PHASE_MODERATE, .on_message = on_message};
static const parley_provided provides[] = {{"parley.hub/1", &hub}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.bench.noop",
                 .version = "1.0.0",
                 .doc = "Passes every message, for measuring",
                 .provides = PARLEY_TABLE(provides)};
