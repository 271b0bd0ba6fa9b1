/* The testkit's door: asks the authenticators of the INI as a handshake does, with a bearer token
 * and a query. Nobody waits here, and nothing is fetched: what an authenticator asks of the network
 * fails at once. */
#include "base/str.h"
#include "client/login.h"
#include "control/control.h"
#include "kit_internal.h"

#include <stdlib.h>

int kit_door_open(kit *k, char why[256])
{
    enum domain before;
    int r;

    if (k->registry->auth_count == 0)
        return 0;
    k->logins = logins_new(k->registry, &k->settings);
    if (!k->logins)
        return -ENOMEM;
    for (size_t n = 0; n < k->registry->instance_count; n++)
        k->registry->instances[n]->logins = k->logins;
    before = domain_enter(DOMAIN_CONTROL);
    r = control_start_auths(NULL, k->registry, why);
    domain_leave(before);
    return r;
}

void kit_door_close(kit *k)
{
    logins_free(k->logins);
    k->logins = NULL;
}

static struct login *new_login(const char *bearer, const struct http_request *q)
{
    struct login_query *query = calloc(q->query_count + 1, sizeof *query);
    struct login *l = NULL;

    for (size_t i = 0; query && i < q->query_count; i++)
        query[i] = (struct login_query){q->query[i].name, q->query[i].value};
    if (query)
        l = login_new(str_of(bearer), query, q->query_count, "127.0.0.1");
    free(query);
    return l;
}

int32_t kit_login(kit *k, const char *bearer, const char *query, const char **ret_said)
{
    struct http_request *q = http_request_new();
    int32_t answer = PARLEY_NOT_MINE;
    enum domain before;
    struct login *l;

    k->said[0] = 0;
    if (ret_said)
        *ret_said = k->said;
    if (q && query)
        http_query_parse(q, str_of(query));
    l = q && k->logins ? new_login(bearer, q) : NULL;
    if (l) {
        before = domain_enter(DOMAIN_PUMP);
        answer = login_check(k->logins, l);
        domain_leave(before);
        snprintf(k->said, sizeof k->said, "%s",
                 answer == PARLEY_ADMIT ? identity_user(l->identity).p : l->why);
        login_free(l);
    }
    if (q)
        http_request_free(q);
    return answer;
}
