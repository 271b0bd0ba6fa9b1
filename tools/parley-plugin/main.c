/* parley-plugin: what a plugin author has. This file knows the commands; each is a file of its own.
 *
 * The parser stops at the first word that is no option: it is the command, and the rest of the
 * line is that command's.
 */
#include "base/str.h"
#include "tool.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {{"new", command_new},
                {"inspect", command_inspect},
                {"doc", command_doc},
                {"run", command_run},
                {"validate", command_validate}};

enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_version(FILE *to, struct argp_state *state)
{
    (void)state;
    fprintf(to, "parley-plugin %s\nplugin ABI %d.%d\n", PARLEY_VERSION, PARLEY_ABI_MAJOR,
            PARLEY_ABI_MINOR);
}

static void no_command(struct argp_state *state, const char *word)
{
    const char *names[COMMANDS], *meant;

    for (size_t i = 0; i < COMMANDS; i++)
        names[i] = commands[i].name;
    meant = str_closest(word, names, COMMANDS);
    if (meant)
        argp_error(state, "there is no command '%s' (did you mean '%s'?)", word, meant);
    else
        argp_error(state, "there is no command '%s'", word);
}

struct arguments {
    const struct command *command;
    int at; /* of argv: the command */
};

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct arguments *a = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
        for (size_t i = 0; i < COMMANDS; i++)
            if (strcmp(commands[i].name, value) == 0)
                a->command = &commands[i];
        if (!a->command)
            no_command(state, value);
        a->at = state->next - 1;
        state->next = state->argc;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_usage(state);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .args_doc = "new KIND NAME\ninspect FILE.so\ndoc FILE.so\nrun FILE.so\nvalidate FILE.so",
        .doc = "Makes, shows, tries and tests plugins of Parley."
               "\vCommands:\n"
               "  new       make a folder that builds and tests a plugin\n"
               "  inspect   what a plugin is, and what it needs\n"
               "  doc       its reference, as Markdown\n"
               "  run       send messages through it, and see what becomes of them\n"
               "  validate  test it in every way that is known to break plugins\n\n"
               "'parley-plugin COMMAND --help' tells the options of each."};
    struct arguments a = {0};
    char name[64];

    elf_preload(argv);
    argp_program_version_hook = print_version;
    argp_err_exit_status = EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &a) || !a.command)
        return EXIT_USAGE;
    snprintf(name, sizeof name, "parley-plugin %s", a.command->name);
    argv[a.at] = name;
    return a.command->run(argc - a.at, argv + a.at);
}
