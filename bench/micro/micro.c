/* What one message costs on the road, in nanoseconds of one core, away from the sockets.
 *
 *   bench_micro [--json] [--only GROUP] [--repetitions N]
 *
 * Groups: steps (decode, construct, encode), road (pump, hub, pump), whole (all of it at once),
 * chain (hubs that do nothing), moderation (plugins that read the text), jansson (the same text, by
 * that library). A repetition measures BATCH messages between two readings of the clock, in memory
 * that is warm.
 */
#include "base/str.h"
#include "measure.h"
#include "message/construct.h"
#include "moderation.h"
#include "rig.h"

#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>

#define BATCH         16
#define TEXT_BYTES    120
#define HUBS_MOST     10
#define PAYLOAD_MOST  (36 * 1024)
#define INI_BYTES     4096
#define REPETITIONS   20001
#define BASE_SECTIONS "[server]\nflush_window = 0\n[protocol native]\n[type chat_message]\n"
#define CHANNELS      "[hub channels]\nlist = general\nauto_join = *\n"
#define RATE_LIMIT    "[hub rate_limit]\nmessages = 1000000\nwindow = 100ms\nburst = 1000000\n"
#define ROAD          BASE_SECTIONS CHANNELS RATE_LIMIT "[hub router]\n[hub analytics]\n"

static size_t repetitions = REPETITIONS;
static char frame_text[512], said[TEXT_BYTES + 1];
static parley_str frame;

static void make_frame(void)
{
    static const char words[] = "The quick brown fox jumps over the lazy dog, and so on. ";

    for (size_t i = 0; i < TEXT_BYTES; i++)
        said[i] = words[i % (sizeof words - 1)];
    said[TEXT_BYTES] = '\0';
    frame.n = (size_t)snprintf(
        frame_text, sizeof frame_text,
        "{\"type\":\"chat_message\",\"channel\":\"general\",\"message\":\"%s\"}", said);
    frame.p = frame_text;
}

/* --- the steps by themselves --- */

static void route(struct rig *r, struct message *m)
{
    parley_to to = parley_to_channel(m->channel);
    struct hook_before before;

    m->hub = r->hub;
    m->author = r->client->handle;
    m->identity = identity_ref(r->client->identity);
    m->to = channel_ref(channel_find(&r->hub->channels, m->channel));
    before = hook_enter(r->hub, r->registry.instances[0], "on_message", m, NULL);
    if (parley_host_api.deliver(&m->pub, &to) < 0)
        rig_fail("steps", "a message could not be routed");
    hook_leave(r->hub, before);
}

static void decode(struct rig *r, struct message *m, struct input *in)
{
    struct refusal why;

    in->arena = &m->arena;
    in->depth = (unsigned)r->settings.server.depth;
    in->tokens = (unsigned)r->settings.server.tokens;
    if (construct_decode(&r->registry.protocols[0], frame, in, &why) < 0)
        rig_fail("decode", why.why);
}

static void construct(struct rig *r, struct message *m, const struct input *in, struct out *out)
{
    struct refusal why;

    if (construct_message(&r->registry, in, out, PAYLOAD_MOST, m, &why) < 0)
        rig_fail("construct", why.why);
}

static void encode(struct rig *r, struct message *m)
{
    if (sequencer_seal(r->hub, m) < 0 || !packet_frame(m->packet, &r->registry, 0))
        rig_fail("encode", "no frame");
}

static void run_steps(void)
{
    static struct input inputs[BATCH];
    struct message *ms[BATCH];
    struct samples decoded, constructed, encoded, sum;
    struct rig r;
    struct out out;
    enum domain before;

    rig_start(&r, ROAD);
    before = domain_enter(DOMAIN_HUB);
    out_init(&out, PAYLOAD_MOST);
    samples_init(&decoded, "decode", repetitions);
    samples_init(&constructed, "check fields and construct", repetitions);
    samples_init(&encoded, "seal and encode", repetitions);
    samples_init(&sum, "decode, construct and encode", repetitions);
    for (int i = 0; i < BATCH; i++)
        ms[i] = message_new();
    for (size_t n = 0; n < repetitions; n++) {
        int64_t at[6];

        at[0] = measure_now_ns();
        for (int i = 0; i < BATCH; i++)
            decode(&r, ms[i], &inputs[i]);
        at[1] = measure_now_ns();
        for (int i = 0; i < BATCH; i++)
            construct(&r, ms[i], &inputs[i], &out);
        at[2] = measure_now_ns();
        for (int i = 0; i < BATCH; i++)
            route(&r, ms[i]);
        at[3] = measure_now_ns();
        for (int i = 0; i < BATCH; i++)
            encode(&r, ms[i]);
        at[4] = measure_now_ns();
        for (int i = 0; i < BATCH; i++) {
            channel_unref(ms[i]->to);
            ms[i]->to = NULL;
            message_reset(ms[i]);
        }
        samples_add(&decoded, at[0], at[1], BATCH);
        samples_add(&constructed, at[1], at[2], BATCH);
        samples_add(&encoded, at[3], at[4], BATCH);
        samples_add_value(&sum, decoded.values[n] + constructed.values[n] + encoded.values[n]);
    }
    for (int i = 0; i < BATCH; i++)
        message_destroy(ms[i]);
    out_finish_memory(&out);
    domain_leave(before);
    rig_stop(&r);
    report_samples(&decoded);
    report_samples(&constructed);
    report_samples(&encoded);
    report_samples(&sum);
    samples_finish(&decoded);
    samples_finish(&constructed);
    samples_finish(&encoded);
    samples_finish(&sum);
}

/* --- the road in three parts --- */

static void run_road(void)
{
    struct samples in, hub, out;
    struct rig r;

    rig_start(&r, ROAD);
    samples_init(&in, "read pump: from a frame to the hub's mailbox", repetitions);
    samples_init(&hub, "hub: from its mailbox to the pump's", repetitions);
    samples_init(&out, "pump: append, flush, home again", repetitions);
    rig_catch(&r, true);
    for (size_t n = 0; n < repetitions; n++) {
        enum domain before;
        int64_t at[5];

        at[0] = measure_now_ns();
        for (int i = 0; i < BATCH; i++)
            rig_say(&r, frame);
        at[1] = measure_now_ns();
        rig_turn(&r);
        before = domain_enter(DOMAIN_HUB);
        at[2] = measure_now_ns();
        for (unsigned i = 0; i < r.caught_count; i++)
            road_message(r.hub, r.caught[i]);
        at[3] = measure_now_ns();
        domain_leave(before);
        r.caught_count = 0;
        rig_turn(&r);
        at[4] = measure_now_ns();
        samples_add(&in, at[0], at[1], BATCH);
        samples_add(&hub, at[2], at[3], BATCH);
        samples_add(&out, at[3], at[4], BATCH);
    }
    rig_catch(&r, false);
    rig_stop(&r);
    report_samples(&in);
    report_samples(&hub);
    report_samples(&out);
    samples_finish(&in);
    samples_finish(&hub);
    samples_finish(&out);
}

/* --- all of it --- */

static void run_whole_with(const char *name, unsigned batch, bool with_id)
{
    static char texts[BATCH][640];
    static uint64_t id;
    parley_str frames[BATCH];
    struct samples s;
    struct rig r;

    rig_start(&r, ROAD);
    samples_init(&s, name, repetitions);
    for (unsigned i = 0; i < batch; i++)
        frames[i] = frame;
    for (size_t n = 0; n < repetitions; n++) {
        uint64_t sent = r.wire.bytes;
        int64_t from;

        for (unsigned i = 0; with_id && i < batch; i++) {
            int bytes = snprintf(texts[i], sizeof texts[i], "{\"id\":\"m%" PRIu64 "\",%s", ++id,
                                 frame.p + 1);
            frames[i] = (parley_str){texts[i], (size_t)bytes};
        }
        from = measure_now_ns();
        for (unsigned i = 0; i < batch; i++)
            rig_say(&r, frames[i]);
        rig_turn(&r);
        samples_add(&s, from, measure_now_ns(), batch);
        if (r.wire.bytes - sent < batch * frame.n)
            rig_fail("whole", "something did not arrive");
    }
    rig_stop(&r);
    report_samples(&s);
    samples_finish(&s);
}

static void run_whole(void)
{
    run_whole_with("whole: 16 in a turn of the loop", BATCH, false);
    run_whole_with("whole: alone in its turn", 1, false);
    run_whole_with("whole: 16 in a turn, with id and ack", BATCH, true);
}

/* --- hubs that do nothing --- */

static double run_chain_of(unsigned hubs)
{
    char ini[INI_BYTES], name[48];
    size_t n = (size_t)snprintf(ini, sizeof ini, BASE_SECTIONS CHANNELS);
    struct samples s;
    struct rig r;
    double median;

    for (unsigned i = 0; i < hubs && n < sizeof ini; i++)
        n +=
            (size_t)snprintf(ini + n, sizeof ini - n, "[hub noop%u]\nplugin = %s\n", i, BENCH_NOOP);
    if (n >= sizeof ini)
        rig_fail("chain", "the path of the plugin is too long");
    snprintf(name, sizeof name, "chain of %u hubs that do nothing", hubs);
    rig_start(&r, ini);
    samples_init(&s, name, repetitions);
    rig_catch(&r, true);
    for (int i = 0; i < BATCH; i++)
        rig_say(&r, frame);
    rig_turn(&r);
    for (size_t k = 0; k < repetitions; k++) {
        enum domain before = domain_enter(DOMAIN_HUB);
        int64_t from;

        for (unsigned i = 0; i < r.caught_count; i++)
            r.caught[i]->hub = r.hub;
        from = measure_now_ns();
        for (unsigned i = 0; i < r.caught_count; i++)
            if (chain_run(r.hub, r.caught[i], INT32_MIN, PARLEY_PHASE_STORE) != PARLEY_PASS)
                rig_fail("chain", "a message was stopped");
        samples_add(&s, from, measure_now_ns(), r.caught_count);
        domain_leave(before);
    }
    for (unsigned i = 0; i < r.caught_count; i++)
        road_home(r.hub, r.caught[i]);
    r.caught_count = 0;
    rig_catch(&r, false);
    rig_stop(&r);
    report_samples(&s);
    median = samples_median(&s);
    samples_finish(&s);
    return median;
}

static void run_chain(void)
{
    double none = run_chain_of(0), last;

    run_chain_of(1);
    run_chain_of(HUBS_MOST / 2);
    last = run_chain_of(HUBS_MOST);
    report_value("a hub that does nothing", (last - none) / HUBS_MOST);
}

/* --- what a common library takes for the same text --- */

static void run_jansson(void)
{
    struct samples loaded, dumped;
    json_t *trees[BATCH];
    char *texts[BATCH];

    samples_init(&loaded, "jansson: loads, and frees the tree", repetitions);
    samples_init(&dumped, "jansson: dumps, and frees the text", repetitions);
    for (size_t n = 0; n < repetitions; n++) {
        int64_t at[5];

        at[0] = measure_now_ns();
        for (int i = 0; i < BATCH; i++)
            if (!(trees[i] = json_loadb(frame.p, frame.n, JSON_REJECT_DUPLICATES, NULL)))
                rig_fail("jansson", "it does not load");
        at[1] = measure_now_ns();
        for (int i = 0; i < BATCH; i++)
            if (!(texts[i] = json_dumps(trees[i], JSON_COMPACT)))
                rig_fail("jansson", "it does not dump");
        for (int i = 0; i < BATCH; i++)
            free(texts[i]);
        at[2] = measure_now_ns();
        for (int i = 0; i < BATCH; i++)
            json_decref(trees[i]);
        at[3] = measure_now_ns();
        samples_add(&loaded, at[0], at[1] + (at[3] - at[2]), BATCH);
        samples_add(&dumped, at[1], at[2], BATCH);
    }
    report_samples(&loaded);
    report_samples(&dumped);
    samples_finish(&loaded);
    samples_finish(&dumped);
}

/* --- */

static void run_moderation(void)
{
    moderation_run(repetitions);
}

static const struct group {
    const char *name;
    void (*run)(void);
} groups[] = {{"steps", run_steps},           {"road", run_road},
              {"whole", run_whole},           {"chain", run_chain},
              {"moderation", run_moderation}, {"jansson", run_jansson}};

static int usage(void)
{
    fprintf(stderr, "usage: bench_micro [--json] [--repetitions N]\n"
                    "           [--only steps|road|whole|chain|moderation|jansson]\n");
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"only", required_argument, NULL, 'o'},
                                            {"repetitions", required_argument, NULL, 'r'},
                                            {0}};
    const char *only = NULL;
    bool json = false, ran = false;
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'j')
            json = true;
        else if (c == 'o')
            only = optarg;
        else if (c == 'r')
            repetitions = strtoul(optarg, NULL, 10);
        else
            return usage();
    }
    if (optind < argc || repetitions < 1 || repetitions > 100000000)
        return usage();
    make_frame();
    report_begin(json, TEXT_BYTES, frame.n, BATCH);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (!only || strcmp(only, groups[i].name) == 0) {
            groups[i].run();
            ran = true;
        }
    report_end();
    return ran ? 0 : usage();
}
