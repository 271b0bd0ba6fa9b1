/* Who is asked about again: clients that wait at the door (PENDING), and those that are in and
 * brought a new token (`refresh`).
 *
 * Both keep their question in client->wait; each publication of an authenticator has it asked once
 * more, and a deadline ends it. The old identity holds until a new one is there. A token is never
 * logged, nor sent back.
 */
#include "client/login_wait.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "client/login.h"
#include "client/pump.h"
#include "message/value.h"
#include "net/admission.h"

#include <stdlib.h>

#define REFRESHES_MOST    10 /* in a window: each may cost a signature check, and no credit */
#define REFRESH_WINDOW_MS 10000

struct login_wait *login_wait_new(void)
{
    return calloc(1, sizeof(struct login_wait));
}

void login_wait_free(struct login_wait *w)
{
    if (!w)
        return;
    login_free(w->login);
    free(w->refresh_id);
    free(w);
}

static void let_in(struct client *c)
{
    struct login_wait *w = c->wait;
    struct identity *i = w->login->identity;
    struct pump *p = c->pump;

    w->login->identity = NULL;
    if (p->admission &&
        admission_user(p->admission, identity_issuer(i), identity_user(i)) != ADMIT_OK) {
        client_set_identity(c, i); /* for the log */
        client_close(c, 4429, PARLEY_LEFT_REFUSED, "too many connections");
        return;
    }
    c->user_counted = true;
    client_connect(c, i);
}

static void check_pending(struct client *c)
{
    struct login_wait *w = c->wait;

    switch (login_check(c->pump->logins, w->login)) {
    case PARLEY_ADMIT:
        let_in(c);
        break;
    case PARLEY_LATER:
        break;
    case PARLEY_REFUSE:
        client_close(c, 4401, PARLEY_LEFT_REFUSED, w->login->why);
        break;
    default:
        client_close(c, 4401, PARLEY_LEFT_REFUSED, "no credentials");
    }
}

/* --- refresh --- */

/* Ends it, with an error when code is one. */
static void finish(struct client *c, parley_code code, const char *text)
{
    struct login_wait *w = c->wait;
    char *id = w->refresh_id;

    login_free(w->login);
    w->login = NULL;
    w->refresh_id = NULL;
    if (code)
        client_error(c, str_of(id), code, text, 0);
    else
        client_ack(c, str_of(id));
    free(id);
}

static void renew(struct client *c)
{
    struct login_wait *w = c->wait;
    struct identity *i = w->login->identity;
    struct mail_connect *m;

    if (!str_eq(identity_user(i), identity_user(c->identity)) ||
        !str_eq(identity_issuer(i), identity_issuer(c->identity))) {
        client_close(c, 4401, PARLEY_LEFT_REFUSED, "another user");
        return;
    }
    m = malloc(sizeof *m);
    if (!m) {
        finish(c, PARLEY_E_UNAVAILABLE, "out of memory");
        return;
    }
    w->login->identity = NULL;
    client_set_identity(c, i);
    m->client = c->handle;
    m->identity = identity_ref(i);
    m->protocol = c->protocol;
    actor_post(c->pump->hub, &m->mail, MAIL_IDENTITY);
    finish(c, 0, NULL);
}

static void check_refresh(struct client *c)
{
    struct login_wait *w = c->wait;
    char why[sizeof w->login->why];

    switch (login_check(c->pump->logins, w->login)) {
    case PARLEY_ADMIT:
        renew(c);
        break;
    case PARLEY_LATER:
        break;
    case PARLEY_REFUSE:
        snprintf(why, sizeof why, "%s", w->login->why);
        finish(c, PARLEY_E_FORBIDDEN, why);
        break;
    default:
        finish(c, PARLEY_E_FORBIDDEN, "no authenticator knows this token");
    }
}

void login_wait_check(struct client *c)
{
    if (!c->wait || !c->wait->login)
        return;
    if (c->state == CLIENT_PENDING)
        check_pending(c);
    else if (c->state == CLIENT_OPEN)
        check_refresh(c);
}

void login_wait_tick(struct client *c, int64_t now_ms)
{
    struct login_wait *w = c->wait;

    if (!w)
        return;
    if (!w->login && now_ms - w->window_ms >= REFRESH_WINDOW_MS) {
        login_wait_free(w);
        c->wait = NULL;
    } else if (w->login && now_ms - w->since_ms >= c->pump->settings->server.authentication_ms) {
        finish(c, PARLEY_E_UNAVAILABLE, "the token could not be checked in time");
    }
}

/* How long until the next one may come; 0: now. */
static int64_t too_often(struct login_wait *w)
{
    int64_t now = clock_mono_ms();

    if (!w->refreshes || now - w->window_ms >= REFRESH_WINDOW_MS) {
        w->window_ms = now;
        w->refreshes = 0;
    }
    if (w->refreshes == REFRESHES_MOST)
        return REFRESH_WINDOW_MS - (now - w->window_ms);
    w->refreshes++;
    return 0;
}

void login_wait_refresh(struct client *c, parley_str id, const parley_value *fields)
{
    parley_str token = value_as_str(value_get(fields, "token"));
    struct login_wait *w = c->wait;
    char address[IP_TEXT];
    int64_t wait_ms;

    if (!token.p || !token.n) {
        client_error(c, id, PARLEY_E_INVALID_MESSAGE, "'token' is required", 0);
        return;
    }
    if (w && w->login) {
        client_error(c, id, PARLEY_E_UNAVAILABLE, "a refresh is under way", 0);
        return;
    }
    if (!w && !(w = c->wait = login_wait_new())) {
        client_error(c, id, PARLEY_E_UNAVAILABLE, "out of memory", 0);
        return;
    }
    wait_ms = too_often(w);
    if (wait_ms) {
        client_error(c, id, PARLEY_E_RATE_LIMITED, "too many refreshes", wait_ms);
        return;
    }
    w->refresh_id = id.p ? str_dup(id) : NULL;
    w->login =
        id.p && !w->refresh_id ? NULL : login_new(token, NULL, 0, ip_print(&c->address, address));
    if (!w->login) {
        free(w->refresh_id);
        w->refresh_id = NULL;
        client_error(c, id, PARLEY_E_UNAVAILABLE, "out of memory", 0);
        return;
    }
    w->since_ms = clock_mono_ms();
    check_refresh(c);
}
