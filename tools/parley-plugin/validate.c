/* parley-plugin validate: every case in a child process of its own, and the report.
 *
 * The list of cases is here, in the order in which they run; what they do is in cases_*.c. The
 * plugin is loaded into this process only after a child has lived through loading it.
 */
#include "validate.h"

#include "base/str.h"
#include "report.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { KEY_LIST = 256, KEY_TIMEOUT, KEY_ROUNDS, KEY_JUNIT, CASES_MAX = 32 };

static void load(struct trial *t)
{
    struct plugin p;

    trial_step(t, "loading the file");
    if (plugin_open(t->setup->plugin->path, &p) < 0)
        trial_fail(t, "the server refuses the file");
}

const struct check checks[] = {
    {"load", "the file is one that the server loads", load},
    {"exports", "only its descriptor, which is constant; it wants nothing of the server by name",
     case_exports},
    {"tables", "what its tables say fits together", case_tables},
    {"host", "a chat on this server", case_host},
    {"older-host", "a chat on the oldest server that may load it", case_older_host},
    {"future-host", "a chat on a server of a later minor version", case_future_host},
    {"needs", "without the services that it needs", case_needs},
    {"create-destroy", "1,000 times, and nothing is left of it", case_create_destroy},
    {"two-sections", "two sections of it side by side", case_two_sections},
    {"bad-config", "every option wrong, and at the ends of its range", case_bad_config},
    {"allocation", "each allocation, and each call of the server that may, fails once",
     case_allocation},
    {"hostile-input", "messages and requests that nobody should send", case_hostile},
    {"stale-clients", "clients that are gone when they are needed", case_stale_clients},
    {"holds", "held messages that nobody lets go, or that somebody else has let go", case_holds},
    {"store-fails", "a store that keeps nothing any more", case_store_fails},
    {"reload", "itself anew while people talk; nobody is dropped, and the old goes", case_reload},
    {"quiesce", "the end, with timers and messages pending", case_quiesce},
    {NULL, NULL, NULL}};

struct arguments {
    const char *file, *only[CASES_MAX], *junit;
    size_t only_count;
    struct setup setup;
    uint64_t seed;
    int timeout_s, rounds;
    bool json, list, has_seed;
};

static bool is_case(const char *name)
{
    for (const struct check *c = checks; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return true;
    return false;
}

static uint64_t number(const char *text, const char *option, struct argp_state *state)
{
    char *end;
    uint64_t v = strtoull(text, &end, 10);

    if (*text < '0' || *text > '9' || *end)
        argp_error(state, "%s must be a whole number, not '%s'", option, text);
    return v;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct arguments *a = state->input;

    switch (key) {
    case 'c':
        if (!is_case(value))
            argp_error(state, "there is no case '%s'; --list names them", value);
        if (a->only_count < CASES_MAX)
            a->only[a->only_count++] = value;
        return 0;
    case 's':
        a->seed = number(value, "--seed", state);
        a->has_seed = true;
        return 0;
    case KEY_TIMEOUT:
        a->timeout_s = (int)number(value, "--timeout", state);
        return 0;
    case KEY_ROUNDS:
        a->rounds = (int)number(value, "--rounds", state);
        return 0;
    case 'i':
        a->setup.ini_file = value;
        return 0;
    case 'o':
        if (a->setup.set_count == SETS_MAX)
            argp_error(state, "there may be %d options, not more", SETS_MAX);
        a->setup.sets[a->setup.set_count++] = value;
        return 0;
    case 'j':
        a->json = true;
        return 0;
    case KEY_JUNIT:
        a->junit = value;
        return 0;
    case KEY_LIST:
        a->list = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->file)
            argp_error(state, "one plugin at a time");
        a->file = value;
        return 0;
    case ARGP_KEY_END:
        if (!a->file && !a->list)
            argp_error(state, "which plugin? Name its .so file");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool is_wanted(const struct arguments *a, const char *name)
{
    for (size_t i = 0; i < a->only_count; i++)
        if (strcmp(a->only[i], name) == 0)
            return true;
    return a->only_count == 0;
}

static bool run_one(struct trial *t, const struct check *c, const struct arguments *a,
                    struct report *r)
{
    char *said;

    trial_run(t, c, a->timeout_s * 1000, &said);
    report_add(r, c, t, said);
    free(said);
    return t->outcome != OUTCOME_FAIL;
}

/* The plugin may be faulty from its first byte on: first a child, then we. */
static int validate(struct arguments *a, struct plugin *p)
{
    struct trial *t =
        mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct report r;
    const char *missing;

    if (t == MAP_FAILED || !realpath(a->file, p->path)) {
        fprintf(stderr, "%s: %s\n", a->file, strerror(errno));
        return EXIT_FAULT;
    }
    t->setup = &a->setup;
    t->seed = a->seed;
    t->rounds = a->rounds;
    a->setup.plugin = p;
    report_begin(&r, p->path, a->seed, a->json);
    if (run_one(t, checks, a, &r)) {
        if (plugin_open(a->file, p) < 0 || setup_begin(&a->setup, p) < 0)
            return EXIT_FAULT;
        missing = setup_missing(&a->setup);
        if (missing) {
            fprintf(stderr, "its option '%s' has no default: give it by --set %s=... or --ini\n",
                    missing, missing);
            return EXIT_FAULT;
        }
        r.plugin = p;
        for (const struct check *c = checks + 1; c->name; c++)
            if (is_wanted(a, c->name))
                run_one(t, c, a, &r);
    }
    return report_end(&r, a->junit);
}

static int list(void)
{
    for (const struct check *c = checks; c->name; c++)
        printf("%-16s %s\n", c->name, c->about);
    return EXIT_SUCCESS;
}

int command_validate(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"ini", 'i', "FILE", 0, "Configuration; other sections in it are loaded, too", 0},
        {"set", 'o', "KEY=VALUE", 0, "One option of the plugin", 0},
        {"case", 'c', "NAME", 0, "This case alone (and 'load'); may be given several times", 0},
        {"list", KEY_LIST, NULL, 0, "Name the cases, run none", 0},
        {"seed", 's', "N", 0, "Choose the same random messages again", 0},
        {"rounds", KEY_ROUNDS, "N", 0, "Of create-destroy (1000)", 0},
        {"timeout", KEY_TIMEOUT, "SECONDS", 0, "The most that a case may take (60)", 0},
        {"json", 'j', NULL, 0, "Print one JSON object", 0},
        {"junit", KEY_JUNIT, "FILE", 0, "Write the report as JUnit's XML, too", 0},
        {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "FILE.so",
        .doc = "Tests a plugin in every way that is known to break plugins, each case in a process "
               "of its own."
               "\vExit status: 0 it passed; 1 a case failed, or the plugin cannot be tried."};
    static struct arguments a = {.timeout_s = 60, .rounds = 1000};
    static struct plugin p;

    if (argp_parse(&argp, argc, argv, 0, NULL, &a))
        return EXIT_USAGE;
    if (a.list)
        return list();
    if (!a.has_seed && str_random(&a.seed, sizeof a.seed))
        a.seed %= 1000000000;
    return validate(&a, &p);
}
