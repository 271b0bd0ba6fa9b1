/* Logins: asks the authenticators in the order of the INI, each with the snapshot that it
 * published.
 *
 * A snapshot is counted: the section holds one reference, every check that reads it another, taken
 * under a short lock; whoever gives the last one back destroys it. So a check never waits for a
 * publication, nor a publication for a check.
 */
#include "client/login.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"
#include "client/ticket.h"
#include "config/settings.h"
#include "control/control.h"
#include "message/value.h"
#include "plugin/registry.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>

/* Should an authenticator that was told `wanted` publish nothing, it is told again after this. */
#define WANTED_AGAIN_MS 1000
#define USER_BYTES      255
#define USERNAME_BYTES  64
/* Of the stack, for JSON: the text of a token of some KB and its values, 48 bytes each. */
#define JSON_BYTES 8192

struct snapshot {
    _Atomic unsigned refs;
    void *data;
    void (*destroy)(void *);
};

struct section { /* one an authenticator, by its index in the registry */
    pthread_mutex_t lock;
    struct snapshot *current; /* NULL: nothing was published yet */
    bool wanted;              /* it was told so, and has published nothing since */
    int64_t wanted_ms;
};

struct logins {
    const struct registry *registry;
    const struct settings *settings;
    struct section *sections;
    struct tickets *tickets;
    void (*tell)(void *arg);
    void *tell_arg;
    struct metric *by_answer[PARLEY_LATER + 1];
};

static struct snapshot *snapshot_take(struct section *s)
{
    struct snapshot *p;

    pthread_mutex_lock(&s->lock);
    p = s->current;
    if (p)
        atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    pthread_mutex_unlock(&s->lock);
    return p;
}

static void snapshot_release(struct snapshot *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (p->destroy && p->data)
        p->destroy(p->data);
    free(p);
}

struct logins *logins_new(const struct registry *r, const struct settings *s)
{
    static const char *const names[] = {"none", "admitted", "refused", "later"};
    struct logins *l = calloc(1, sizeof *l);

    if (!l)
        return NULL;
    l->registry = r;
    l->settings = s;
    l->tickets = tickets_new();
    l->sections = calloc(r->auth_count ? r->auth_count : 1, sizeof *l->sections);
    if (!l->tickets || !l->sections) {
        tickets_free(l->tickets);
        free(l->sections);
        free(l);
        return NULL;
    }
    for (size_t i = 0; i < r->auth_count; i++)
        pthread_mutex_init(&l->sections[i].lock, NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        l->by_answer[i] = metric(METRIC_COUNTER, "logins", "Questions at the door, by answer",
                                 "answer", str_of(names[i]));
    return l;
}

void logins_free(struct logins *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->registry->auth_count; i++) {
        snapshot_release(l->sections[i].current);
        pthread_mutex_destroy(&l->sections[i].lock);
    }
    tickets_free(l->tickets);
    free(l->sections);
    free(l);
}

struct tickets *logins_tickets(struct logins *l)
{
    return l->tickets;
}

/* --- one question --- */
struct login *login_new(parley_str bearer, const struct login_query *query, size_t query_count,
                        const char *address)
{
    struct login *l = calloc(1, sizeof *l);
    parley_str from = str_of(address);
    bool ok = true;

    if (!l)
        return NULL;
    l->pub.api = &parley_host_api;
    arena_init(&l->arena, 1024);
    l->bearer = arena_str(&l->arena, bearer);
    l->address = arena_str(&l->arena, from);
    ok = (l->bearer.p || !bearer.p) && (l->address.p || !from.p);
    if (ok && query_count > 0) {
        l->query = arena_zalloc(&l->arena, query_count * sizeof *l->query);
        ok = l->query != NULL;
    }
    for (size_t i = 0; ok && i < query_count; i++) {
        struct login_query *q = &l->query[l->query_count++];
        q->name = arena_str(&l->arena, query[i].name);
        q->value = arena_str(&l->arena, query[i].value);
        ok = (q->name.p || !query[i].name.p) && (q->value.p || !query[i].value.p);
    }
    if (ok)
        return l;
    login_free(l);
    return NULL;
}

/* Tokens do not stay behind in freed memory, from where a crash report could carry them away. */
static void wipe(parley_str s)
{
    if (s.p)
        OPENSSL_cleanse((void *)(uintptr_t)s.p, s.n);
}

void login_free(struct login *l)
{
    if (!l)
        return;
    wipe(l->bearer);
    for (size_t i = 0; l->query && i < l->query_count; i++)
        wipe(l->query[i].value);
    identity_unref(l->identity);
    arena_finish(&l->arena);
    free(l);
}

static void forget_answer(struct login *login)
{
    identity_unref(login->identity);
    login->identity = NULL;
}

/* --- asking --- */
/* Once until it publishes: ten thousand who wait for the same key are one `wanted`. */
static void tell_wanted(struct logins *l, size_t i, const struct login *login)
{
    const struct plugin_auth *a = &l->registry->auths[i];
    struct section *s = &l->sections[i];
    int64_t now_ms = clock_mono_ms();
    bool tell;

    pthread_mutex_lock(&s->lock);
    tell = !s->wanted || now_ms - s->wanted_ms >= WANTED_AGAIN_MS;
    if (tell) {
        s->wanted = true;
        s->wanted_ms = now_ms;
    }
    pthread_mutex_unlock(&s->lock);
    if (tell && a->auth.wanted && a->instance->control)
        control_wanted(a->instance->control, a->instance, login->bearer);
}

static bool published_since(struct section *s, const struct snapshot *read)
{
    bool since;

    pthread_mutex_lock(&s->lock);
    since = s->current != read;
    pthread_mutex_unlock(&s->lock);
    return since;
}

static parley_answer_at_door run_check(const struct plugin_auth *a, const struct snapshot *p,
                                       struct login *login)
{
    char first[JSON_BYTES];
    parley_answer_at_door answer;
    struct crumb_before before;
    struct arena json;

    arena_init_in(&json, first, sizeof first, JSON_BYTES);
    login->json = &json;
    before = plugin_enter(a->instance, "check");
    answer = a->auth.check(&a->instance->host, p ? p->data : NULL, &login->pub);
    crumb_leave(before);
    login->json = NULL;
    arena_finish(&json);
    return answer;
}

static parley_answer_at_door ask(struct logins *l, size_t i, struct login *login)
{
    const struct plugin_auth *a = &l->registry->auths[i];
    struct section *s = &l->sections[i];
    parley_answer_at_door answer;
    bool again;

    do {
        struct snapshot *p = snapshot_take(s);

        forget_answer(login);
        answer = run_check(a, p, login);
        /* The news of a publication went to those who were waiting already. This one was not. */
        again = answer == PARLEY_LATER && published_since(s, p);
        snapshot_release(p);
    } while (again);
    if (answer == PARLEY_LATER)
        tell_wanted(l, i, login);
    return answer;
}

/* The answer, if the plugin kept its side of the contract; else a refusal. */
static parley_answer_at_door settle(const struct plugin_auth *a, struct login *login,
                                    parley_answer_at_door answer)
{
    if (answer == PARLEY_ADMIT && login->identity)
        return answer;
    forget_answer(login);
    if (answer == PARLEY_LATER || answer == PARLEY_NOT_MINE || answer == PARLEY_REFUSE)
        return answer;
    log_event(LOG_LEVEL_ERROR, "auth_failed", LOG_TEXT("section", a->instance->name),
              LOG_INT("answer", answer),
              LOG_TEXT("msg", "its check ended without parley_login_admit or _refuse"));
    login_refuse(&login->pub, "The server could not check who you are.");
    return PARLEY_REFUSE;
}

parley_answer_at_door login_check(struct logins *l, struct login *login)
{
    parley_answer_at_door answer = PARLEY_NOT_MINE;

    DOMAIN_ASSERT(DOMAIN_PUMP | DOMAIN_CONTROL);
    login->why[0] = 0;
    login->logins = l;
    /* Who waits has been turned away by the sections before, and does not ask them again. */
    for (size_t i = (size_t)login->later_section; i < l->registry->auth_count; i++) {
        const struct plugin_auth *a = &l->registry->auths[i];
        login->section = (int)i;
        answer = settle(a, login, ask(l, i, login));
        if (answer == PARLEY_NOT_MINE)
            continue;
        login->later_section = (int)i;
        break;
    }
    /* Credentials that nobody knows are not the same as none. */
    if (answer == PARLEY_NOT_MINE && (login->bearer.p || login->why[0]))
        answer = PARLEY_REFUSE;
    if (answer == PARLEY_REFUSE && !login->why[0])
        login_refuse(&login->pub, "Nobody here knows these credentials.");
    metric_inc(l->by_answer[answer]);
    return answer;
}

/* --- publishing --- */
int logins_publish(struct logins *l, struct plugin_instance *section, void *take_snapshot,
                   void (*destroy)(void *))
{
    struct snapshot *p = malloc(sizeof *p), *before;
    size_t i = 0;
    struct section *s;

    DOMAIN_ASSERT(DOMAIN_CONTROL);
    while (l && i < l->registry->auth_count && l->registry->auths[i].instance != section)
        i++;
    if (!p || !l || i == l->registry->auth_count) {
        free(p);
        if (destroy && take_snapshot)
            destroy(take_snapshot);
        return p ? -EINVAL : -ENOMEM;
    }
    atomic_init(&p->refs, 1);
    p->data = take_snapshot;
    p->destroy = destroy;
    s = &l->sections[i];
    pthread_mutex_lock(&s->lock);
    before = s->current;
    s->current = p;
    s->wanted = false;
    pthread_mutex_unlock(&s->lock);
    snapshot_release(before);
    if (l->tell)
        l->tell(l->tell_arg);
    return 0;
}

void logins_on_publish(struct logins *l, void (*tell)(void *arg), void *arg)
{
    l->tell = tell;
    l->tell_arg = arg;
}

/* --- behind <parley/auth.h> --- */
static struct login *login_of(const parley_login *l)
{
    return (struct login *)(uintptr_t)l;
}

parley_str login_bearer(const parley_login *l)
{
    return login_of(l)->bearer;
}

parley_str login_query(const parley_login *l, const char *name)
{
    const struct login *login = login_of(l);

    for (size_t i = 0; i < login->query_count; i++)
        if (str_is(login->query[i].name, name))
            return login->query[i].value;
    return PARLEY_NONE;
}

parley_str login_address(const parley_login *l)
{
    return login_of(l)->address;
}

const parley_value *login_json(parley_login *l, parley_str text, unsigned depth, unsigned values)
{
    struct login *login = login_of(l);
    const struct value *v = NULL;
    const char *why;

    if (!login->json || value_parse(login->json, text, depth, values, &v, &why) < 0)
        return NULL;
    return &v->pub;
}

int32_t login_refuse(parley_login *l, const char *text)
{
    struct login *login = login_of(l);

    str_printable(str_of(text), login->why, sizeof login->why);
    return PARLEY_REFUSE;
}

/* Valid UTF-8 without C0, DEL, C1: it will stand in JSON, in logs and on other people's screens. */
static bool is_text(parley_str s)
{
    if (!str_valid_utf8(s.p, s.n))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7f)
            return false;
        if (c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0)
            return false;
    }
    return true;
}

static const char *identity_fault(const struct parley_identity *i)
{
    if (!i->user.p || i->user.n < 1 || i->user.n > USER_BYTES || !is_text(i->user))
        return "The user id is not of 1 to 255 bytes of text.";
    if (!i->username.p || i->username.n < 1 || i->username.n > USERNAME_BYTES ||
        !is_text(i->username))
        return "The user name is not of 1 to 64 bytes of text.";
    if ((i->issuer.p && !is_text(i->issuer)) || (i->app.p && !is_text(i->app)))
        return "The issuer or the client id is not text.";
    if (i->issuer.n > IDENTITY_MOST || i->app.n > IDENTITY_MOST || i->roles.n > IDENTITY_MOST)
        return "The issuer or the client id is too long, or there are too many roles.";
    for (size_t r = 0; r < i->roles.n; r++)
        if (!i->roles.items || !i->roles.items[r].p || !is_text(i->roles.items[r]))
            return "A role is not text.";
    return NULL;
}

static const char *section_name(const struct login *login, size_t section)
{
    return login->logins->registry->auths[section].instance->name;
}

/* Two sections may have a user of one name: those of all but the first get their section's before
 * theirs. So nobody may be called as if he were of another section.
 * @param own  Holds the new name. */
static const char *tell_apart(const struct login *login, parley_str *user, char own[USER_BYTES + 1])
{
    size_t asked = (size_t)login->section;

    if (asked > 0) {
        int n = snprintf(own, USER_BYTES + 1, "%s:%.*s", section_name(login, asked), (int)user->n,
                         user->p);
        if (n > USER_BYTES)
            return "The user id is too long behind the name of its section.";
        *user = (parley_str){own, (size_t)n};
        return NULL;
    }
    for (size_t i = 1; i < login->logins->registry->auth_count; i++) {
        const char *name = section_name(login, i);
        size_t n = strlen(name);
        if (user->n > n && user->p[n] == ':' && memcmp(user->p, name, n) == 0)
            return "The user id begins as those of another section do.";
    }
    return NULL;
}

int32_t login_admit(parley_login *l, const parley_identity *from)
{
    struct login *login = login_of(l);
    struct parley_identity i = {0}; /* what an older plugin does not know of stays absent */
    char own[USER_BYTES + 1];
    const char *fault;

    memcpy(&i, from, from->struct_size < sizeof i ? from->struct_size : sizeof i);
    i.struct_size = sizeof i;
    fault = identity_fault(&i);
    if (!fault)
        fault = tell_apart(login, &i.user, own);
    if (fault)
        return login_refuse(l, fault);
    forget_answer(login);
    login->identity = identity_new(&i, &login->logins->settings->server.dashboards);
    return login->identity ? PARLEY_ADMIT : login_refuse(l, "The server is out of memory.");
}
