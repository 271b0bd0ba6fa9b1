/* parleyctl status */
#include "ctl.h"

static void print_loops(const json_t *loops)
{
    const json_t *l;
    size_t i;

    printf("\n%-12s%10s%8s%10s\n", "loop", "lag", "busy", "mailbox");
    json_array_foreach (loops, i, l)
        printf("%-12s%7" PRId64 " us%7.1f%%%10" PRId64 "\n", print_str(l, "name"),
               print_int(l, "lag_us"), 100 * print_number(l, "busy"), print_int(l, "mailbox"));
}

static void print_clients(const json_t *s)
{
    const json_t *clients = json_object_get(s, "clients"), *users = json_object_get(s, "users"), *n;
    const char *name;

    printf("%-12s%" PRId64, "clients", print_int(clients, "open"));
    json_object_foreach (json_object_get(clients, "by_protocol"), name, n)
        printf(", %" PRId64 " %s", (int64_t)json_integer_value(n), name);
    printf(", %" PRId64 " at the door\n", print_int(clients, "pending"));
    print_field("users", "%" PRId64 " connected, %" PRId64 " away", print_int(users, "connected"),
                print_int(users, "away"));
    print_field("channels", "%" PRId64, print_int(s, "channels"));
}

static void print_all(const json_t *s)
{
    const json_t *m = json_object_get(s, "messages"), *store = json_object_get(s, "store"), *why;
    const char *file = print_str(store, "file");
    char text[32];
    size_t i;

    print_field("version", "%s", print_str(s, "version"));
    print_field("process", "%" PRId64 ", up %s", print_int(s, "pid"),
                print_duration(print_int(s, "uptime_ms"), text));
    print_field("config", "%s", print_str(s, "config"));
    print_field("ready", "%s", json_is_true(json_object_get(s, "ready")) ? "yes" : "no");
    json_array_foreach (json_object_get(s, "reasons"), i, why)
        print_field("", "%s", json_string_value(why));
    print_clients(s);
    print_field("messages", "%" PRId64 " received, %.1f/s", print_int(m, "received"),
                print_number(m, "per_second"));
    print_field("deliveries", "%" PRId64 ", %.1f/s, %" PRId64 " dropped",
                print_int(m, "deliveries"), print_number(m, "deliveries_per_second"),
                print_int(m, "dropped"));
    print_field("memory", "%s", print_bytes(print_int(s, "memory_bytes"), text));
    print_field("store", "%s, %s, %" PRId64 " failures", *file ? file : "in memory alone",
                print_bytes(print_int(store, "bytes"), text), print_int(store, "failures"));
    print_field("log", "%s", print_str(s, "log_level"));
    print_loops(json_object_get(s, "loops"));
}

static int run(struct ctl *c)
{
    json_t *s;
    int r = talk_ask(c, NULL, "/admin/status", NULL, &s);

    if (r != CTL_DONE)
        return r;
    if (c->json)
        print_json(s);
    else
        print_all(s);
    json_decref(s);
    return CTL_DONE;
}

const struct command command_status = {
    .name = "status",
    .doc = "How the server is: clients, traffic, memory, loops, readiness",
    .run = run,
};
