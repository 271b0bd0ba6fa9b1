/* parleyd: the command line. Everything else is daemon.c's. */
#include "daemon.h"
#include "probe.h"

#include <argp.h>
#include <stdlib.h>

struct arguments {
    const char *config_file;
    bool check;
    int probe_fd; /* above 0: sections are tried, and what became of them goes there */
    char **sections;
    size_t section_count;
};

enum { PROBE_KEY = 0x100 };

static void print_version(FILE *to, struct argp_state *state)
{
    (void)state;
    fprintf(to, "parleyd %s\nplugin ABI %d.%d\n", PARLEY_VERSION, PARLEY_ABI_MAJOR,
            PARLEY_ABI_MINOR);
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct arguments *a = state->input;

    switch (key) {
    case 'c':
        a->config_file = value;
        return 0;
    case 'k':
        a->check = true;
        return 0;
    case PROBE_KEY:
        a->probe_fd = atoi(value);
        return 0;
    case ARGP_KEY_ARGS:
        if (a->probe_fd <= 0)
            return ARGP_ERR_UNKNOWN;
        a->sections = state->argv + state->next;
        a->section_count = (size_t)(state->argc - state->next);
        state->next = state->argc;
        return 0;
    case ARGP_KEY_ARG:
        if (a->probe_fd > 0)
            return ARGP_ERR_UNKNOWN;
        argp_error(state, "what is '%s'? A configuration file is named by -c FILE", value);
        return EINVAL;
    case ARGP_KEY_END:
        if (!a->config_file)
            argp_error(state, "a configuration file is needed: -c FILE");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"config", 'c', "FILE", 0, "The configuration, an INI file", 0},
        {"check-config", 'k', NULL, 0,
         "Say whether FILE is right, and what it makes of the chain; start nothing", 0},
        {"probe", PROBE_KEY, "FD", OPTION_HIDDEN, NULL, 0},
        {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc = "Parley, a real-time message server in which every policy is a plugin."
               "\vExit status: 0 stopped in order; 1 faults in the configuration, on stderr; 2 it "
               "could "
               "not start or go on, and the log says why; 64 the command line.\n"
               "SIGTERM and SIGINT tell clients to come back later and stop when they are gone; a "
               "second one stops at once. SIGHUP reads FILE again, and replaces what changed."};
    struct arguments a = {0};

    argp_program_version_hook = print_version;
    if (argp_parse(&argp, argc, argv, 0, NULL, &a))
        return 64;
    if (a.probe_fd > 0)
        return probe_child(a.config_file, a.probe_fd, a.sections, a.section_count);
    return a.check ? daemon_check_config(a.config_file) : daemon_run(a.config_file);
}
