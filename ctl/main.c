/* The command line: options for all, a command, and the command's own. */
#include "base/str.h"
#include "base/units.h"
#include "ctl.h"

#include <stdarg.h>
#include <stdlib.h>

static const struct command *const commands[] = {
    &command_status, &command_clients, &command_kick,    &command_mute,
    &command_unmute, &command_mutes,   &command_plugins, &command_verdicts,
    &command_review, &command_reload,  &command_log,
};
#define COMMANDS (sizeof commands / sizeof *commands)

int ctl_fail(enum ctl_exit code, const char *format, ...)
{
    va_list args;

    fflush(stdout);
    fputs("parleyctl: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return code;
}

bool ctl_number(const struct ctl *c, int key, const char *name, int64_t least, int64_t most,
                int64_t *ret)
{
    const char *text = c->values[key];

    if (!text || (units_int(str_of(text), ret) == 0 && *ret >= least && *ret <= most))
        return true;
    ctl_fail(CTL_USAGE, "--%s must be a number from %" PRId64 " to %" PRId64 ", not '%s'", name,
             least, most, text);
    return false;
}

static void print_version(FILE *to, struct argp_state *state)
{
    (void)state;
    fprintf(to, "parleyctl %s\n", PARLEY_VERSION);
}

/* --- options that every command has --- */

static const struct argp_option common_options[] = {
    {"socket", 's', "PATH", 0,
     "The daemon's control socket (else $PARLEY_SOCKET, or where a daemon of this user or of the "
     "system has it)",
     -2},
    {"json", 'j', NULL, 0, "Write what the daemon answers as JSON", -2},
    {0}};

static error_t parse_common(int key, char *value, struct argp_state *state)
{
    struct ctl *c = state->input;

    switch (key) {
    case 's':
        c->socket = value;
        return 0;
    case 'j':
        c->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp common = {.options = common_options, .parser = parse_common};

static error_t parse_command(int key, char *value, struct argp_state *state)
{
    struct ctl *c = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = c;
        return 0;
    case ARGP_KEY_ARG:
        if (c->arg_count >= c->command->most)
            argp_error(state, "what is '%s'?", value);
        else
            c->args[c->arg_count++] = value;
        return 0;
    case ARGP_KEY_END:
        if (c->arg_count < c->command->least)
            argp_error(state, "something is missing: %s", c->command->args);
        return 0;
    default:
        if (key <= 0 || key >= 128)
            return ARGP_ERR_UNKNOWN;
        c->values[key] = value ? value : "";
        return 0;
    }
}

static int run_command(struct ctl *c, int argc, char **argv)
{
    const struct argp_child children[] = {{&common, 0, NULL, 0}, {0}};
    const struct argp argp = {.options = c->command->options,
                              .parser = parse_command,
                              .args_doc = c->command->args,
                              .doc = c->command->doc,
                              .children = children};
    char name[64];
    int r;

    snprintf(name, sizeof name, "parleyctl %s", c->command->name);
    argv[0] = name;
    if (argp_parse(&argp, argc, argv, 0, NULL, c))
        return CTL_USAGE;
    r = c->command->run(c);
    talk_end(c);
    return r;
}

/* --- which command --- */

static void find_command(struct ctl *c, struct argp_state *state, const char *name)
{
    const char *names[COMMANDS], *meant;

    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i]->name;
        if (!strcmp(name, names[i]))
            c->command = commands[i];
    }
    meant = c->command ? NULL : str_closest(name, names, COMMANDS);
    if (meant)
        argp_error(state, "there is no command '%s' (did you mean '%s'?)", name, meant);
    else if (!c->command)
        argp_error(state, "there is no command '%s'", name);
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct ctl *c = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = c;
        return 0;
    case ARGP_KEY_ARG: /* what follows is the command's */
        find_command(c, state, value);
        c->arg_count = state->next - 1;
        state->next = state->argc;
        return 0;
    case ARGP_KEY_END:
        if (!c->command)
            argp_error(state, "a command is needed, such as 'status'");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static char *list_commands(int key, const char *text, void *input)
{
    char *out = NULL;
    size_t n;
    FILE *f;

    (void)input;
    if (key != ARGP_KEY_HELP_PRE_DOC || !(f = open_memstream(&out, &n)))
        return (char *)(uintptr_t)text;
    fprintf(f, "%s\n\nCommands (parleyctl COMMAND --help tells more):\n", text);
    for (size_t i = 0; i < COMMANDS; i++) {
        const char *end = strchrnul(commands[i]->doc, '\v');
        const char *line = memchr(commands[i]->doc, '\n', (size_t)(end - commands[i]->doc));
        fprintf(f, "  %-10s %.*s\n", commands[i]->name,
                (int)((line ? line : end) - commands[i]->doc), commands[i]->doc);
    }
    fclose(f);
    return out;
}

int main(int argc, char **argv)
{
    const struct argp_child children[] = {{&common, 0, NULL, 0}, {0}};
    const struct argp argp = {
        .parser = parse,
        .args_doc = "COMMAND [ARGUMENT...]",
        .doc = "Control a Parley server that runs on this machine, by its control socket."
               "\vExit status: 0 done; 1 the server refused, or could not; 2 there is no server, "
               "or it does not answer; 3 you may not; 64 the command line.",
        .children = children,
        .help_filter = list_commands};
    struct ctl c = {0};
    int at;

    argp_program_version_hook = print_version;
    argp_err_exit_status = CTL_USAGE;
    if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &c))
        return CTL_USAGE;
    at = c.arg_count;
    c.arg_count = 0;
    return run_command(&c, argc - at, argv + at);
}
