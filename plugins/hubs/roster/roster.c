/* The roster: who is here, by user. Newcomers get the list; the others hear of who came and who
 * left.
 *
 * On the road: ROUTE, without on_message. Changes are gathered over a window and told once, if they
 * are still true at its end. A newcomer sees how things are at that moment: the list, and what has
 * changed since it was packed. So a crowd at the door costs neither a list nor a frame to everybody
 * for each of its heads; and who was greeted within a window hears of it when what he saw was
 * undone by its end.
 */
#include <parley/plugin.h>

#include <stdlib.h>

/* For want of memory an element is not added, and its hh.tbl is NULL; uthash would end the server.
 */
#define HASH_NONFATAL_OOM           1
#define uthash_nonfatal_oom(object) ((void)(object))
#include <uthash.h>

#define GREETED_MAX 1024 /* in a window; then it ends */
#define STALE_PART  32   /* the list is packed again when more than this part of it has changed */

struct options {
    int64_t presence_max, window_ms;
};
static const parley_field options[] = {
    PARLEY_OPTION("presence_max", PARLEY_INT, struct options, presence_max, "1..100000", "1000", 0,
                  "Users in the list; with more of them here, nobody is told who comes and goes"),
    PARLEY_OPTION("window", PARLEY_DURATION, struct options, window_ms, "1ms..1m", "250ms", 0,
                  "How long changes are gathered before they are told"),
};
static const parley_slot slots[] = {{"counted", 1, sizeof(bool)}};

struct user {
    UT_hash_handle hh;
    uint32_t connections;  /* dashboards left out; 0: gone, and kept until that is told */
    bool listed;           /* in the list as it was packed */
    bool changed;          /* in this window; then: */
    bool was_here;         /* what the others believe */
    size_t since, latest;  /* greetings of this window before the first and the latest change */
    parley_packet *status; /* how he is now */
    struct user *next_changed;
    char id[];
};
struct state {
    struct user *users;                  /* by id, in the order in which they came */
    size_t here;                         /* of them */
    struct user *changed, **changed_end; /* in this window */
    uint64_t window;
    size_t greeted_count; /* in this window, since something changed */
    struct {
        parley_client client;
        const struct user *user; /* NULL: a dashboard */
    } greeted[GREETED_MAX];
    parley_packet *list;
    uint64_t list_window;            /* in which it was packed */
    size_t list_users, list_changes; /* users in it; changes since */
    bool crowd;                      /* more than the list may hold: changes are not told */
};

static parley_str id_of(const struct user *u)
{
    parley_str id = {u->id, strlen(u->id)};

    return id;
}

static void put_user(parley_out *o, parley_str username, parley_str id, bool here)
{
    parley_put_str(o, "username", username);
    parley_put_str(o, "id", id);
    parley_put_bool(o, "status", here);
}

/* By his first connection he has come, by his last one gone. */
static void turn(parley_host *h, struct user *u, parley_client c, bool here)
{
    const struct options *o = parley_options(h, PARLEY_NONE);
    parley_out *status = parley_message_new(h, "user_status");
    struct state *s = h->self;

    if (!u->changed) {
        u->changed = true;
        u->was_here = !here;
        u->since = s->greeted_count;
        u->next_changed = NULL;
        *s->changed_end = u;
        s->changed_end = &u->next_changed;
    }
    u->latest = s->greeted_count;
    parley_packet_release(u->status);
    put_user(status, parley_client_username(h, c), id_of(u), here);
    u->status = parley_pack(status);
    s->here += here ? 1 : (size_t)-1;
    s->list_changes++;
    parley_timer_after(h, o->window_ms, "window"); /* a pending one stays */
}

/* --- the end of a window --- */
/* Who was greeted after the latest change knows it. One of them can be left out at no cost, and in
 * a quiet hour there is no other; of more, the rest hear again what they know. */
static void tell(parley_host *h, struct user *u)
{
    struct state *s = h->self;
    parley_to to = parley_to_all();

    to.but_user = id_of(u);
    for (size_t i = u->latest; i < s->greeted_count && to.but.v == 0; i++)
        if (s->greeted[i].user != u)
            to.but = s->greeted[i].client;
    parley_send_packet(h, u->status, to);
}

/* He came and went, or went and came: nobody need know, but those who were greeted in between. */
static void tell_witnesses(parley_host *h, struct user *u)
{
    struct state *s = h->self;

    for (size_t i = u->since; i < u->latest; i++)
        if (s->greeted[i].user != u)
            parley_send_packet(h, u->status, parley_to_client(s->greeted[i].client));
}

static void forget(struct state *s, struct user *u)
{
    HASH_DEL(s->users, u);
    parley_packet_release(u->status);
    free(u);
}

static void pack_list(parley_host *h)
{
    const struct options *o = parley_options(h, PARLEY_NONE);
    parley_out *out = parley_message_new(h, "connected_users");
    struct state *s = h->self;

    s->list_users = s->list_changes = 0;
    s->list_window = s->window;
    parley_open_list(out, "users");
    for (struct user *u = s->users; u; u = (struct user *)u->hh.next) {
        u->listed = u->connections && s->list_users < (size_t)o->presence_max;
        if (!u->listed)
            continue;
        parley_open_object(out, NULL);
        put_user(out, parley_user_name(h, id_of(u)), id_of(u), true);
        parley_close(out);
        s->list_users++;
    }
    parley_close(out);
    parley_packet_release(s->list);
    s->list = parley_pack(out);
}

/* When a crowd has gone, everybody gets a whole list, for what he knew is long past. */
static void end_window(parley_host *h, const char *key)
{
    const struct options *o = parley_options(h, PARLEY_NONE);
    struct state *s = h->self;
    size_t most = (size_t)o->presence_max;
    bool was_crowd = s->crowd;
    struct user *u;

    (void)key;
    /* Somebody who comes and goes at the border must not make it a crowd and none by turns. */
    s->crowd = s->here > (was_crowd ? most - most / 16 : most);
    s->window++;
    if (was_crowd && !s->crowd) {
        pack_list(h);
        if (s->list)
            parley_send_packet(h, s->list, parley_to_all());
    }
    while ((u = s->changed)) {
        s->changed = u->next_changed;
        u->changed = false;
        if (u->status && !was_crowd && !s->crowd) {
            if (u->was_here != (u->connections > 0))
                tell(h, u);
            else
                tell_witnesses(h, u);
        }
        parley_packet_release(u->status);
        u->status = NULL;
        if (u->connections == 0)
            forget(s, u);
    }
    s->changed_end = &s->changed;
    s->greeted_count = 0;
}

/* --- who comes and goes --- */
static struct user *find(struct state *s, parley_str id)
{
    struct user *u = NULL;

    if (id.n)
        HASH_FIND(hh, s->users, id.p, id.n, u);
    return u;
}

/* NULL: no memory */
static struct user *add(struct state *s, parley_str id)
{
    struct user *u = (struct user *)calloc(1, sizeof *u + id.n + 1);

    if (!u)
        return NULL;
    memcpy(u->id, id.p, id.n);
    HASH_ADD_KEYPTR(hh, s->users, u->id, id.n, u);
    if (u->hh.tbl)
        return u;
    free(u);
    return NULL;
}

static struct user *come(parley_host *h, parley_client c)
{
    bool *counted = (bool *)parley_client_slot(h, c, &slots[0]);
    parley_str id = parley_client_user(h, c);
    struct state *s = h->self;
    struct user *u = find(s, id);

    if (!u && counted)
        u = add(s, id);
    if (!u || !counted)
        return NULL;
    *counted = true;
    if (u->connections++ == 0)
        turn(h, u, c, true);
    return u;
}

/* As long as nothing has changed; else it is packed once a window, or when too much would have to
 * be told besides. In a crowd it may be a window old. */
static bool list_serves(const struct state *s)
{
    if (!s->list || s->list_changes == 0)
        return s->list;
    return s->list_window == s->window &&
           (s->crowd || s->list_changes * STALE_PART <= s->list_users);
}

/* Not on_connect: another hub might still refuse him. */
static void on_greet(parley_host *h, parley_client c)
{
    const struct options *o = parley_options(h, PARLEY_NONE);
    const struct user *own = parley_client_is_dashboard(h, c) ? NULL : come(h, c);
    struct state *s = h->self;

    if (s->greeted_count == GREETED_MAX)
        end_window(h, NULL);
    if (s->here > (size_t)o->presence_max)
        s->crowd = true;
    if (!list_serves(s))
        pack_list(h);
    if (s->list)
        parley_greet(h, c, PARLEY_GREET_PRESENCE, s->list);
    for (struct user *u = s->crowd ? NULL : s->changed; u; u = u->next_changed)
        if (u->listed != (u->connections > 0) && u->status)
            parley_greet(h, c, PARLEY_GREET_PRESENCE, u->status);
    if (s->changed) {
        s->greeted[s->greeted_count].client = c;
        s->greeted[s->greeted_count++].user = own;
    }
}

static void on_disconnect(parley_host *h, parley_client c, int reason)
{
    const bool *counted = (const bool *)parley_client_slot(h, c, &slots[0]);
    struct state *s = h->self;
    struct user *u = counted && *counted ? find(s, parley_client_user(h, c)) : NULL;

    (void)reason;
    if (u && --u->connections == 0)
        turn(h, u, c, false);
}

/* --- birth and death --- */
static int create(parley_host *h)
{
    struct state *s = (struct state *)calloc(1, sizeof *s);

    if (!s)
        return -ENOMEM;
    s->changed_end = &s->changed;
    h->self = s;
    return 0;
}

/* Who is here. What changed in this window and is not told yet becomes a list for all. */
static int save(parley_host *h, parley_out *to)
{
    const struct state *s = h->self;

    parley_put_bool(to, "changed", s->changed != NULL);
    parley_open_list(to, "users");
    for (const struct user *u = s->users; u; u = (const struct user *)u->hh.next) {
        if (u->connections == 0)
            continue;
        parley_open_object(to, NULL);
        parley_put_str(to, "id", id_of(u));
        parley_put_int(to, "connections", u->connections);
        parley_close(to);
    }
    parley_close(to);
    return 0;
}

static int start(parley_host *h, const parley_value *saved)
{
    const struct options *o = parley_options(h, PARLEY_NONE);
    const parley_value *users = parley_get(saved, "users");
    struct state *s = h->self;

    for (size_t i = 0; i < parley_length(users); i++) {
        const parley_value *v = parley_at(users, i);
        struct user *u = add(s, parley_as_str(parley_get(v, "id")));

        if (!u)
            return -ENOMEM;
        u->connections = (uint32_t)parley_as_int(parley_get(v, "connections"), 0);
        s->here++;
    }
    s->crowd = s->here > (size_t)o->presence_max;
    if (parley_as_bool(parley_get(saved, "changed"), false) && !s->crowd) {
        pack_list(h);
        if (s->list)
            parley_send_packet(h, s->list, parley_to_all());
    }
    return 0;
}

static void quiesce(parley_host *h)
{
    struct state *s = h->self;
    struct user *u, *next;

    HASH_ITER (hh, s->users, u, next) {
        forget(s, u);
    }
    parley_packet_release(s->list);
    s->list = NULL;
}

static void destroy(parley_host *h)
{
    free(h->self);
}

static const parley_hub hub = {.struct_size = sizeof hub,
                               .phase = PARLEY_PHASE_ROUTE,
                               .on_disconnect = on_disconnect,
                               .on_greet = on_greet};
static const parley_provided provides[] = {{"parley.hub/1", &hub}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.roster",
                 .version = "1.0.0",
                 .doc = "Who is here",
                 .options_size = sizeof(struct options),
                 .options = PARLEY_TABLE(options),
                 .slots = PARLEY_TABLE(slots),
                 .provides = PARLEY_TABLE(provides),
                 .create = create,
                 .on_timer = end_window,
                 .start = start,
                 .save = save,
                 .quiesce = quiesce,
                 .destroy = destroy};
