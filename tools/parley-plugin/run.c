/* parley-plugin run: a server with the plugin in it, clients that exist only here, and what becomes
 * of the messages that they send.
 *
 * The command line is a script: --send, --as, --advance and --request are done in the order in
 * which they stand. Nothing runs between them.
 */
#include "base/log.h"
#include "base/str.h"
#include "base/units.h"
#include "kit.h"
#include "tool.h"

#include <stdlib.h>

enum { STEPS_MAX = 256, CLIENTS_MAX = 16, CHANNELS_MAX = 16 };
enum { KEY_AS = 256, KEY_ADVANCE, KEY_REQUEST, KEY_LOGIN, KEY_LOG };

struct step {
    int key;
    const char *value;
    int64_t ms;
};
struct arguments {
    const char *file;
    struct setup setup;
    struct step steps[STEPS_MAX];
    size_t step_count;
    const char *clients[CLIENTS_MAX], *channels[CHANNELS_MAX];
    size_t client_count, channel_count;
    bool json, log;
};
struct client {
    char name[64];
    parley_client handle;
};
struct scene {
    kit *kit;
    struct client clients[CLIENTS_MAX];
    size_t count, author;
    bool json;
};

static error_t add_step(struct arguments *a, int key, char *value, struct argp_state *state)
{
    struct step *s = &a->steps[a->step_count];

    if (a->step_count == STEPS_MAX)
        argp_error(state, "there may be %d steps, not more", STEPS_MAX);
    a->step_count++;
    s->key = key;
    s->value = value;
    if (key == KEY_ADVANCE && units_duration(str_of(value), &s->ms) < 0)
        argp_error(state, "--advance must be a duration such as '60s' or '5m', not '%s'", value);
    return 0;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct arguments *a = state->input;

    switch (key) {
    case 's':
    case KEY_AS:
    case KEY_ADVANCE:
    case KEY_REQUEST:
    case KEY_LOGIN:
        return add_step(a, key, value, state);
    case 'i':
        a->setup.ini_file = value;
        return 0;
    case 'o':
        if (a->setup.set_count == SETS_MAX)
            argp_error(state, "there may be %d options, not more", SETS_MAX);
        a->setup.sets[a->setup.set_count++] = value;
        return 0;
    case 'c':
        if (a->client_count == CLIENTS_MAX)
            argp_error(state, "there may be %d clients, not more", CLIENTS_MAX);
        a->clients[a->client_count++] = value;
        return 0;
    case 'n':
        if (a->channel_count == CHANNELS_MAX)
            argp_error(state, "there may be %d channels, not more", CHANNELS_MAX);
        a->channels[a->channel_count++] = value;
        return 0;
    case 'j':
        a->json = true;
        return 0;
    case KEY_LOG:
        a->log = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->file)
            argp_error(state, "one plugin at a time");
        a->file = value;
        return 0;
    case ARGP_KEY_END:
        if (!a->file)
            argp_error(state, "which plugin? Name its .so file");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* --- what a step brought about --- */
static json_t *received(struct scene *s)
{
    json_t *all = json_object();

    for (size_t i = 0; i < s->count; i++) {
        json_t *list = json_array();
        const char *frame;

        while ((frame = kit_next(s->kit, s->clients[i].handle, NULL))) {
            json_t *parsed = json_loads(frame, JSON_DECODE_ANY, NULL);

            json_array_append_new(list, parsed ? parsed : json_string(frame));
        }
        if (kit_closed(s->kit, s->clients[i].handle) && !json_array_size(list))
            json_array_append_new(
                list, json_pack("{s:i,s:s}", "closed", kit_closed(s->kit, s->clients[i].handle),
                                "reason", kit_close_text(s->kit, s->clients[i].handle)));
        json_object_set_new(all, s->clients[i].name, list);
    }
    return all;
}

static void print_received(struct scene *s)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct client *c = &s->clients[i];
        const char *frame;
        int n = 0;

        for (; (frame = kit_next(s->kit, c->handle, NULL)); n++)
            printf("  %s gets %s\n", c->name, frame);
        if (kit_closed(s->kit, c->handle))
            printf("  %s was closed: %d %s\n", c->name, kit_closed(s->kit, c->handle),
                   kit_close_text(s->kit, c->handle));
        else if (n == 0)
            printf("  %s gets nothing\n", c->name);
    }
}

static void print_verdict(parley_verdict v)
{
    static const char *const words[] = {"delivered", "refused",    "shown to its author alone",
                                        "it waits",  "dealt with", "it failed"};
    const struct settled *s = &world_settled;
    bool known = v >= 0 && v < (parley_verdict)(sizeof words / sizeof *words);

    printf("  %s", known ? words[v] : "unknown verdict");
    if (v == PARLEY_REJECT && !s->told)
        printf(" before any hub saw it");
    if (s->told && s->section[0])
        printf(" by [%s]", s->section);
    if (s->told && s->rule[0])
        printf(", rule '%s'", s->rule);
    printf("\n");
}

static void print_json(json_t *o)
{
    json_dumpf(o, stdout, JSON_COMPACT);
    printf("\n");
    json_decref(o);
}

static void send(struct scene *s, const char *json)
{
    const struct client *author = &s->clients[s->author];
    const struct settled *told = &world_settled;
    parley_verdict v;
    json_t *o;

    memset(&world_settled, 0, sizeof world_settled);
    v = kit_input(s->kit, author->handle, json);
    if (!s->json) {
        printf("%s sends %s\n", author->name, json);
        print_verdict(v);
        print_received(s);
        return;
    }
    o = json_pack("{s:s,s:s,s:s}", "from", author->name, "sent", json, "settled", verdict_name(v));
    if (told->told && told->section[0])
        json_object_set_new(o, "section", json_string(told->section));
    if (told->told && told->rule[0])
        json_object_set_new(o, "rule", json_string(told->rule));
    json_object_set_new(o, "received", received(s));
    print_json(o);
}

static void advance(struct scene *s, const struct step *step)
{
    kit_advance_ms(s->kit, step->ms);
    if (s->json) {
        print_json(
            json_pack("{s:I,s:o}", "advanced_ms", (json_int_t)step->ms, "received", received(s)));
        return;
    }
    printf("%s go by\n", step->value);
    print_received(s);
}

/* "GET /admin/x/y {...}" */
static void request(struct scene *s, const char *text)
{
    char *copy = strdup(text), *save = NULL, *method, *path;
    const char *answer = NULL;
    int status = 400;

    method = copy ? strtok_r(copy, " ", &save) : NULL;
    path = method ? strtok_r(NULL, " ", &save) : NULL;
    if (path)
        status = kit_admin(s->kit, method, path, save && *save ? save : NULL, &answer);
    if (s->json) {
        print_json(json_pack("{s:s,s:i,s:s?,s:o}", "request", text, "status", status, "answer",
                             answer, "received", received(s)));
    } else {
        printf("%s\n  %d %s\n", text, status, answer ? answer : "");
        print_received(s);
    }
    free(copy);
}

static void login(struct scene *s, const char *text)
{
    static const char *const words[] = {"not this authenticator's", "let in", "refused", "later"};
    bool is_query = strchr(text, '=') != NULL;
    const char *said;
    int32_t answer = kit_login(s->kit, is_query ? NULL : text, is_query ? text : NULL, &said);
    const char *word = answer >= 0 && answer < 4 ? words[answer] : "unknown answer";

    if (s->json)
        print_json(json_pack("{s:s,s:s,s:s}", "login", text, "answer", word, "said", said));
    else
        printf("login %s\n  %s%s%s\n", text, word, *said ? ": " : "", said);
}

static int set_author(struct scene *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->clients[i].name, name) == 0) {
            s->author = i;
            return 0;
        }
    fprintf(stderr, "--as %s: there is no such client\n", name);
    return -ENOENT;
}

static int play(struct scene *s, const struct arguments *a)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < a->step_count; i++)
        switch (a->steps[i].key) {
        case 's':
            send(s, a->steps[i].value);
            break;
        case KEY_AS:
            r = set_author(s, a->steps[i].value);
            break;
        case KEY_ADVANCE:
            advance(s, &a->steps[i]);
            break;
        case KEY_LOGIN:
            login(s, a->steps[i].value);
            break;
        default:
            request(s, a->steps[i].value);
        }
    return r;
}

/* --- the scene --- */
static void enter(struct scene *s, const struct arguments *a)
{
    static const char *const two[] = {"ann", "bob"};
    size_t count = a->client_count ? a->client_count : 2;

    for (size_t i = 0; i < count; i++) {
        const char *text = a->client_count ? a->clients[i] : two[i], *roles = strchr(text, ':');
        struct client *c = &s->clients[s->count++];

        snprintf(c->name, sizeof c->name, "%.*s", (int)strcspn(text, ":"), text);
        c->handle = kit_connect(s->kit, c->name, roles ? roles + 1 : "");
        for (size_t k = 0; k < a->channel_count; k++)
            kit_join(s->kit, c->handle, a->channels[k]);
        if (a->channel_count == 0)
            kit_join(s->kit, c->handle, "general");
    }
    if (s->json) {
        print_json(json_pack("{s:o}", "received", received(s)));
        return;
    }
    for (size_t i = 0; i < s->count; i++)
        if (kit_frames(s->kit, s->clients[i].handle, NULL) ||
            kit_closed(s->kit, s->clients[i].handle)) {
            printf("they come in\n");
            print_received(s);
            return;
        }
}

static int run(const struct arguments *a)
{
    struct scene s = {.json = a->json};
    char *ini = setup_ini(&a->setup, NULL);
    int r, left;

    s.kit = ini ? kit_start(ini, world_plugins) : NULL;
    free(ini);
    if (!s.kit) {
        fprintf(stderr, "%s", ini ? kit_refusal() : "out of memory\n");
        return EXIT_FAULT;
    }
    enter(&s, a);
    r = play(&s, a);
    left = kit_close(s.kit);
    if (left)
        fprintf(stderr, "%d messages never came back from the plugin\n", left);
    return r < 0 || left ? EXIT_FAULT : EXIT_SUCCESS;
}

int command_run(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"send", 's', "JSON", 0, "Send it, and show what everybody gets", 0},
        {"as", KEY_AS, "NAME", 0, "Who sends from here on (the first client)", 0},
        {"advance", KEY_ADVANCE, "TIME", 0, "Let time go by: 5s, 10m, 1d", 0},
        {"request", KEY_REQUEST, "'METHOD PATH [JSON]'", 0, "Call one of its routes", 0},
        {"login", KEY_LOGIN, "TOKEN|QUERY", 0, "Ask at the door: a token, or 'name=ann'", 0},
        {"ini", 'i', "FILE", 0, "Configuration; other sections in it are loaded, too", 0},
        {"set", 'o', "KEY=VALUE", 0, "One option of the plugin", 0},
        {"client", 'c', "NAME[:ROLES]", 0, "A client (ann and bob)", 0},
        {"channel", 'n', "NAME", 0, "A channel that all are in (general)", 0},
        {"json", 'j', NULL, 0, "A JSON object a step", 0},
        {"log", KEY_LOG, NULL, 0, "Show what the plugin logs", 0},
        {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "FILE.so",
        .doc = "Loads a plugin into a server that exists only here, sends messages through it, and "
               "shows what becomes of them. Steps are done in their order; each option may be "
               "given several times."};
    static struct arguments a;
    static struct plugin p;
    const char *missing;

    if (argp_parse(&argp, argc, argv, 0, NULL, &a))
        return EXIT_USAGE;
    if (plugin_open(a.file, &p) < 0 || setup_begin(&a.setup, &p) < 0)
        return EXIT_FAULT;
    missing = setup_missing(&a.setup);
    if (missing) {
        fprintf(stderr, "its option '%s' has no default: give it by --set %s=... or by --ini\n",
                missing, missing);
        return EXIT_FAULT;
    }
    if (a.log) {
        setenv("KIT_LOG", "1", 1);
        log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT, 2);
    }
    return run(&a);
}
