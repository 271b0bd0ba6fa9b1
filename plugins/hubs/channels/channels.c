/* Channels: the public ones, from the INI; who is in them; and the list that every client gets.
 *
 * On the road: ROUTE. join_channel and leave_channel end here. The list is packed once and shared
 * by all greetings, for the catalogue does not change while the server runs.
 */
#include <parley/plugin.h>

#include <stdlib.h>

#define NAME_BYTES 64

struct options {
    parley_list list, auto_join;
    const char *description;
    int64_t sort_order;
};
static const parley_field options[] = {
    PARLEY_OPTION("list", PARLEY_LIST, struct options, list, "0..1000 of 1..64", "general", 0,
                  "The public channels"),
    PARLEY_OPTION("auto_join", PARLEY_LIST, struct options, auto_join, NULL, "", 0,
                  "Channels that a client is in from the start; *: all of them"),
    PARLEY_OPTION("description", PARLEY_STRING, struct options, description, "1..500", NULL,
                  PARLEY_PER_CHANNEL, "What the channel is about"),
    PARLEY_OPTION("sort_order", PARLEY_INT, struct options, sort_order, "0..1000000", "0",
                  PARLEY_PER_CHANNEL, "Its place among the others; 0: that in `list`"),
};

struct listed {
    int64_t id, sort_order; /* id: its place in `list`, from 1 */
    parley_str name;
};
struct state {
    parley_packet *greeting;
    struct listed *sorted;
    size_t count;
};

/* As the host compares names: without regard to ASCII case. */
static bool same(parley_str a, parley_str b)
{
    for (size_t i = 0; i < a.n && a.n == b.n; i++) {
        unsigned x = (unsigned char)a.p[i], y = (unsigned char)b.p[i];

        if (x != y && ((x ^ y) != 0x20 || (x | 0x20) < 'a' || (x | 0x20) > 'z'))
            return false;
    }
    return a.n == b.n;
}

static bool has(parley_list list, size_t n, parley_str name)
{
    for (size_t i = 0; i < n; i++)
        if (same(list.items[i], name))
            return true;
    return false;
}

static int check(parley_host *h, const struct options *o)
{
    for (size_t i = 0; i < o->list.n; i++) {
        parley_str name = o->list.items[i];

        if (name.n > NAME_BYTES)
            return parley_bad_option(h, "list", "'%s' has more than %d bytes", name.p, NAME_BYTES);
        for (size_t k = 0; k < name.n; k++)
            if ((unsigned char)name.p[k] < 0x20 || name.p[k] == 0x7f)
                return parley_bad_option(h, "list", "the %zuth name has a control character",
                                         i + 1);
        if (has(o->list, i, name))
            return parley_bad_option(h, "list", "'%s' stands in it twice", name.p);
    }
    for (size_t i = 0; i < o->auto_join.n; i++)
        if (!same(o->auto_join.items[i], PARLEY_STR("*")) &&
            !has(o->list, o->list.n, o->auto_join.items[i]))
            return parley_bad_option(h, "auto_join", "'%s' is not in 'list'",
                                     o->auto_join.items[i].p);
    return 0;
}

static int by_order(const void *a, const void *b)
{
    const struct listed *x = (const struct listed *)a, *y = (const struct listed *)b;

    if (x->sort_order != y->sort_order)
        return x->sort_order < y->sort_order ? -1 : 1;
    return x->id < y->id ? -1 : 1;
}

static void destroy(parley_host *h)
{
    struct state *s = h->self;

    if (s)
        free(s->sorted);
    free(s);
}

static int create(parley_host *h)
{
    const struct options *o = parley_options(h, PARLEY_NONE);
    struct state *s;
    int r = check(h, o);

    if (r < 0)
        return r;
    h->self = s = (struct state *)calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->sorted = (struct listed *)calloc(o->list.n + 1, sizeof *s->sorted);
    if (!s->sorted) {
        destroy(h);
        return -ENOMEM;
    }
    for (; s->count < o->list.n; s->count++) {
        const struct options *of = parley_options(h, o->list.items[s->count]);
        struct listed *l = &s->sorted[s->count];

        l->id = (int64_t)s->count + 1;
        l->name = o->list.items[s->count];
        l->sort_order = of->sort_order ? of->sort_order : l->id;
    }
    qsort(s->sorted, s->count, sizeof *s->sorted, by_order);
    return 0;
}

static void put_channels(parley_host *h, parley_out *to)
{
    struct state *s = h->self;

    parley_open_list(to, "channels");
    for (size_t i = 0; i < s->count; i++) {
        const struct options *of = parley_options(h, s->sorted[i].name);
        parley_str about = {of->description, of->description ? strlen(of->description) : 0};

        parley_open_object(to, NULL);
        parley_put_int(to, "id", s->sorted[i].id);
        parley_put_str(to, "name", s->sorted[i].name);
        parley_put_str(to, "description", about);
        parley_put_int(to, "sort_order", s->sorted[i].sort_order);
        parley_close(to);
    }
    parley_close(to);
}

static int start(parley_host *h, const parley_value *saved)
{
    const struct options *o = parley_options(h, PARLEY_NONE);

    (void)saved;
    for (size_t i = 0; i < o->list.n; i++) {
        int r = parley_channel_open(h, o->list.items[i], NULL);

        if (r < 0 && r != -EEXIST) /* it exists: since before a reload, or by another section */
            return r;
    }
    return 0;
}

static parley_verdict on_connect(parley_host *h, parley_client c)
{
    const struct options *o = parley_options(h, PARLEY_NONE);
    bool all =
        parley_client_is_dashboard(h, c) || has(o->auto_join, o->auto_join.n, PARLEY_STR("*"));
    const parley_list *in = all ? &o->list : &o->auto_join;

    for (size_t i = 0; i < in->n; i++)
        parley_join(h, c, in->items[i]);
    return PARLEY_PASS;
}

static void on_greet(parley_host *h, parley_client c)
{
    struct state *s = h->self;

    if (!s->greeting) {
        parley_out *o = parley_message_new(h, "active_channels");

        put_channels(h, o);
        s->greeting = parley_pack(o);
    }
    if (s->greeting)
        parley_greet(h, c, PARLEY_GREET_CATALOGUE, s->greeting);
}

static parley_verdict answer(parley_host *h, int r)
{
    return r < 0 ? parley_fail(h, "a membership could not be changed: %s", strerror(-r))
                 : PARLEY_DONE;
}

static parley_verdict on_join_channel(parley_host *h, parley_message *m)
{
    return answer(h, parley_join(h, parley_message_author(m), parley_message_channel(m)));
}

static parley_verdict on_leave_channel(parley_host *h, parley_message *m)
{
    return answer(h, parley_leave(h, parley_message_author(m), parley_message_channel(m)));
}

static int get_channels(parley_host *h, const parley_request *q, parley_out *to)
{
    (void)q;
    put_channels(h, to);
    return 200;
}

static void quiesce(parley_host *h)
{
    struct state *s = h->self;

    parley_packet_release(s->greeting);
    s->greeting = NULL;
}

static const parley_route routes[] = {
    {"GET", "/channels", NULL, "The public channels", get_channels}};
static const parley_hub hub = {.struct_size = sizeof hub,
                               .phase = PARLEY_PHASE_ROUTE,
                               .on_connect = on_connect,
                               .on_greet = on_greet};
static const parley_hub join = {.struct_size = sizeof join,
                                .phase = PARLEY_PHASE_ROUTE,
                                .types = "join_channel",
                                .on_message = on_join_channel};
static const parley_hub leave = {.struct_size = sizeof leave,
                                 .phase = PARLEY_PHASE_ROUTE,
                                 .types = "leave_channel",
                                 .on_message = on_leave_channel};
static const parley_provided provides[] = {
    {"parley.hub/1", &hub}, {"parley.hub/1", &join}, {"parley.hub/1", &leave}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.channels",
                 .version = "1.0.0",
                 .doc = "The public channels, and who is in them",
                 .options_size = sizeof(struct options),
                 .options = PARLEY_TABLE(options),
                 .routes = PARLEY_TABLE(routes),
                 .provides = PARLEY_TABLE(provides),
                 .create = create,
                 .start = start,
                 .quiesce = quiesce,
                 .destroy = destroy};
