/* parleyctl clients, kick: who is connected, and that somebody go.
 *
 * The list comes a page at a time, and is printed so: ten thousand clients need no more memory here
 * than a hundred, and nobody on the server waits for them.
 */
#include "ctl.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void print_heading(void)
{
    static const char format[] = "%-12s %-20s %-16s %-24s %-9s %-10s %s\n";

    printf(format, "id", "user", "address", "since", "protocol", "queue", "channels");
}

static void print_client(const json_t *v)
{
    const json_t *channels = json_object_get(v, "channels"), *name;
    size_t named = json_array_size(channels), i;
    char bytes[32];

    print_text(print_str(v, "id"), 12);
    print_text(print_str(v, "user"), 20);
    print_text(print_str(v, "address"), 16);
    print_text(print_str(v, "since"), 24);
    print_text(print_str(v, "protocol"), 9);
    print_text(json_is_true(json_object_get(v, "closing"))
                   ? "closing"
                   : print_bytes(print_int(v, "queue_bytes"), bytes),
               10);
    json_array_foreach (channels, i, name) {
        if (i)
            printf(", ");
        print_text(json_string_value(name), 0);
    }
    if ((int64_t)named < print_int(v, "channel_count"))
        printf(", and %" PRId64 " more", print_int(v, "channel_count") - (int64_t)named);
    putchar('\n');
}

/* One page into `all`; *ret_next: free()d by the caller, NULL: it was the last. */
static int page(struct ctl *c, const char *from, int64_t left, json_t *all, char **ret_next)
{
    char limit[32], *path;
    json_t *answer;
    int r;

    snprintf(limit, sizeof limit, "%" PRId64, left < 100 ? left : 100);
    path = talk_path(c, "/admin/clients", "user", c->values['u'], "channel", c->values['c'],
                     "limit", limit, "from", from, NULL);
    r = talk_ask(c, NULL, path, NULL, &answer);
    free(path);
    *ret_next = NULL;
    if (r != CTL_DONE)
        return r;
    json_array_extend(all, json_object_get(answer, "clients"));
    if (*print_str(answer, "next"))
        *ret_next = strdup(print_str(answer, "next"));
    json_decref(answer);
    return CTL_DONE;
}

static void print_clients(const json_t *clients, bool first)
{
    const json_t *client;
    size_t i;

    if (first && json_array_size(clients))
        print_heading();
    json_array_foreach (clients, i, client)
        print_client(client);
}

static int run_clients(struct ctl *c)
{
    int64_t left = INT64_MAX;
    char *from = NULL, *next = NULL;
    json_t *all = json_array();
    bool any = false;
    int r;

    if (!ctl_number(c, 'n', "limit", 1, 1000000, &left))
        return CTL_USAGE;
    do {
        size_t before = json_array_size(all);

        r = page(c, from, left, all, &next);
        free(from);
        from = next;
        left -= (int64_t)(json_array_size(all) - before);
        if (!c->json) {
            print_clients(all, !any);
            any |= json_array_size(all) > 0;
            json_array_clear(all);
        }
    } while (r == CTL_DONE && from && left > 0);
    free(from);
    if (r == CTL_DONE && c->json)
        print_json(all);
    else if (r == CTL_DONE && !any)
        printf("nobody\n");
    json_decref(all);
    return r;
}

/* --- kick --- */

/* Whether it looks like an id of the list: "0.17.3". */
static bool is_id(const char *s)
{
    int dots = 0;

    for (; *s; s++) {
        if (*s == '.')
            dots++;
        else if (!isdigit((unsigned char)*s))
            return false;
    }
    return dots == 2;
}

static int run_kick(struct ctl *c)
{
    const char *who = c->args[0], *reason = c->values['r'];
    bool by_id = is_id(who) && !c->values['u'];
    json_t *answer, *body = json_pack("{s:s}", by_id ? "client" : "user", who);
    int r;

    if (reason)
        json_object_set_new(body, "reason", json_string(reason));
    r = talk_ask(c, NULL, "/admin/kick", body, &answer);
    if (r != CTL_DONE)
        return r;
    if (c->json)
        print_json(answer);
    else
        printf("%" PRId64 " kicked\n", print_int(answer, "kicked"));
    json_decref(answer);
    return CTL_DONE;
}

static const struct argp_option clients_options[] = {
    {"user", 'u', "ID", 0, "Only the connections of that user", 0},
    {"channel", 'c', "NAME", 0, "Only those in that channel", 0},
    {"limit", 'n', "N", 0, "N of them at most", 0},
    {0}};
const struct command command_clients = {
    .name = "clients",
    .doc = "Who is connected: from where, since when, in which channels",
    .options = clients_options,
    .run = run_clients,
};
static const struct argp_option kick_options[] = {
    {"reason", 'r', "TEXT", 0, "What the client is told, 123 bytes at most", 0},
    {"user", 'u', NULL, 0, "WHO is a user's id, though it looks like a client's", 0},
    {0}};
const struct command command_kick = {
    .name = "kick",
    .args = "WHO",
    .doc = "Close the connections of a user, or one client's by its id\v"
           "WHO is the id of a user, or that of a client in the list of clients. They are closed "
           "with 4403.",
    .options = kick_options,
    .least = 1,
    .most = 1,
    .run = run_kick,
};
