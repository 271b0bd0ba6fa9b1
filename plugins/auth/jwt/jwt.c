/* Who shows an access token of the issuer comes in, as the user that the token names.
 *
 * The check runs on the pumps, from the published key set alone; keys come and go on the control
 * loop (source.c). What is said about a token, to its bearer, to the log or in numbers, is one of
 * the sentences below: never a part of it.
 */
#include "jwt.h"

#include <stdlib.h>

static const parley_field options[] = {
    PARLEY_OPTION("issuer", PARLEY_STRING, struct jwt_options, issuer, "1..1024", NULL,
                  PARLEY_REQUIRED, "Who signs the tokens: their 'iss', to the letter"),
    PARLEY_OPTION("audience", PARLEY_LIST, struct jwt_options, audience, NULL, NULL, 0,
                  "For whom they must be: one of these in 'aud'. Needed unless 'clients' is set"),
    PARLEY_OPTION("clients", PARLEY_LIST, struct jwt_options, clients, NULL, NULL, 0,
                  "The client ids whose tokens are taken. Needed unless 'audience' is set"),
    PARLEY_OPTION(
        "jwks", PARLEY_STRING, struct jwt_options, jwks, NULL, NULL, 0,
        "The key set, a file or an https:// address; absent: what the issuer's discovery says"),
    PARLEY_OPTION("ca_file", PARLEY_STRING, struct jwt_options, ca_file, NULL, NULL, 0,
                  "PEM file of who vouches for the issuer's certificate; absent: the system's"),
    PARLEY_OPTION("algorithms", PARLEY_LIST, struct jwt_options, algorithms,
                  "1..3 of RS256|ES256|EdDSA", "RS256, ES256, EdDSA", 0,
                  "The signature algorithms that are taken"),
    PARLEY_OPTION("user_claim", PARLEY_STRING, struct jwt_options, user_claim, "1..255", "sub", 0,
                  "The claim that is the user's id"),
    PARLEY_OPTION("username_claim", PARLEY_STRING, struct jwt_options, username_claim, "1..255",
                  "preferred_username", 0, "The claim that is the name which others read"),
    PARLEY_OPTION("app_claims", PARLEY_LIST, struct jwt_options, app_claims, "1..8",
                  "azp, client_id", 0,
                  "The claims of which the first that is there is the client id"),
    PARLEY_OPTION("roles_claim", PARLEY_STRING, struct jwt_options, roles_claim, "1..255",
                  "realm_access.roles", 0, "Where the roles are, a list; dots lead into objects"),
    PARLEY_OPTION("query_token", PARLEY_BOOL, struct jwt_options, query_token, NULL, "no", 0,
                  "Take the token from ?token= too; proxies may log it"),
    PARLEY_OPTION("on_expiry", PARLEY_STRING, struct jwt_options, on_expiry, "close|keep", "close",
                  0, "What becomes of a connection whose token ran out without a refresh"),
    PARLEY_OPTION("leeway", PARLEY_DURATION, struct jwt_options, leeway_ms, "0..30s", "30s", 0,
                  "How far the issuer's clock may be off"),
    PARLEY_OPTION("refresh_cooldown", PARLEY_DURATION, struct jwt_options, cooldown_ms, "1s..1h",
                  "30s", 0, "Shortest time between two fetches that unknown keys cause"),
    PARLEY_OPTION("cache_max", PARLEY_DURATION, struct jwt_options, cache_max_ms, "1s..24h", "1h",
                  0, "How long a key set is used before it is fetched again"),
};

const parley_metric jwt_metrics[2] = {
    [METRIC_REFUSED] = {"refused{reason}", PARLEY_COUNTER, "Tokens that were not let in"},
    [METRIC_FETCHES] = {"key_fetches{outcome}", PARLEY_COUNTER, "Attempts to get the key set"},
};

static const struct {
    const char *label, *text;
} reasons[REASONS] = {
    [NOT_A_JWT] = {"not_a_jwt", "This is not a JSON Web Token."},
    [OTHER_ISSUER] = {"issuer", "The token is of another issuer."},
    [UNKNOWN_KEY] = {"unknown_key",
                     "The token is signed with a key that its issuer does not list."},
    [TOO_LARGE] = {"too_large", "The token is larger than 16 KiB."},
    [MALFORMED] = {"malformed", "The token is malformed."},
    [BAD_TYPE] = {"type", "The token's type is neither JWT nor at+jwt."},
    [BAD_ALGORITHM] = {"algorithm", "The token's signature algorithm is not allowed."},
    [CRITICAL_HEADER] = {"critical_header", "The token's header demands what is not understood."},
    [KEY_IN_HEADER] = {"key_in_header", "The token brings its own key."},
    [BAD_KID] = {"kid", "The token does not name a key as it should."},
    [KEY_TYPE] = {"key_type", "The token's key is not for its signature algorithm."},
    [BAD_SIGNATURE] = {"signature", "The token's signature is wrong."},
    [NO_ISSUER] = {"issuer", "The token names no issuer."},
    [NOT_AN_ACCESS_TOKEN] = {"not_an_access_token", "This is not an access token."},
    [OTHER_AUDIENCE] = {"audience", "The token is not for this server."},
    [OTHER_CLIENT] = {"client", "The token is of a client that is not allowed here."},
    [NO_EXPIRY] = {"no_expiry", "The token does not say when it expires."},
    [EXPIRED] = {"expired", "The token has expired."},
    [NOT_YET_VALID] = {"not_yet_valid", "The token is not valid yet."},
    [NO_USER] = {"no_user", "The token does not say who the user is."},
    [NO_USERNAME] = {"no_username", "The token does not say what the user is called."},
    [NO_MEMORY] = {"no_memory", "The server is out of memory."},
};

static parley_answer_at_door refuse(parley_host *h, parley_login *l, enum reason r)
{
    const char *label = reasons[r].label;

    parley_metric_add_for(h, &jwt_metrics[METRIC_REFUSED], (parley_str){label, strlen(label)}, 1);
    parley_login_refuse(l, "%s", reasons[r].text);
    /* What is not of our kind or issuer may be another section's; the words stay if it is nobody's.
     */
    return r == NOT_A_JWT || r == OTHER_ISSUER ? PARLEY_NOT_MINE : PARLEY_REFUSE;
}

/* By a key of the set. A token without kid that fails may be signed with a newer key. */
static enum reason verify(const struct token *t, struct keys *keys)
{
    struct key *k = NULL;
    enum reason r = keys_find(keys, t, &k);

    if (r != OK || token_verify(t, k))
        return r;
    return t->kid ? BAD_SIGNATURE : UNKNOWN_KEY;
}

static parley_answer_at_door check(parley_host *h, const void *snapshot, parley_login *l)
{
    const struct jwt_options *o = parley_options(h, PARLEY_NONE);
    const struct snapshot *s = snapshot;
    parley_str text = parley_login_bearer(l), *roles = NULL;
    parley_answer_at_door answer = PARLEY_LATER;
    parley_identity who;
    struct token t;
    enum reason r;

    if (!text.p && o->query_token)
        text = parley_login_query(l, "token");
    if (!text.p)
        return PARLEY_NOT_MINE;
    r = token_read(&t, text, o);
    if (r == OK)
        r = s ? verify(&t, s->keys) : UNKNOWN_KEY;
    /* What no key could make good is not worth waiting for one. */
    if (r == OK || r == UNKNOWN_KEY) {
        enum reason claims = claims_read(&t, o, parley_unix_ms(h), &who, &roles);
        r = claims == OK ? r : claims;
    }
    if (r == OK)
        answer = parley_login_admit(l, &who);
    else if (r != UNKNOWN_KEY || (s && parley_uptime_ms(h) < s->again_ms))
        answer = refuse(h, l, r);
    free(roles);
    token_finish(&t);
    return answer;
}

static int create(parley_host *h)
{
    const struct jwt_options *o = parley_options(h, PARLEY_NONE);
    struct source *s;
    int r;

    json_object_seed(0); /* before there are threads that could race for it */
    if (o->audience.n == 0 && o->clients.n == 0)
        return parley_bad_option(h, "audience",
                                 "set this or 'clients': else a token that was made for any other "
                                 "application of the issuer would do");
    r = source_new(h, o, &s);
    if (r == 0)
        h->self = s;
    return r;
}

static int start(parley_host *h)
{
    return source_start(h, h->self);
}

static void wanted(parley_host *h, parley_str bearer)
{
    (void)bearer;
    source_wanted(h, h->self);
}

static void on_answer(parley_host *h, const parley_answer *a)
{
    source_answer(h, h->self, a);
}

static void on_timer(parley_host *h, const char *key)
{
    (void)key;
    source_timer(h, h->self);
}

static void destroy(parley_host *h)
{
    source_free(h->self);
}

static const parley_auth auth = {.struct_size = sizeof auth,
                                 .check = check,
                                 .wanted = wanted,
                                 .on_answer = on_answer,
                                 .on_timer = on_timer,
                                 .start = start};
static const parley_provided provides[] = {{"parley.auth/1", &auth}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.auth.jwt",
                 .version = "1.0.0",
                 .doc = "Lets in who shows an access token of an OpenID provider",
                 .options_size = sizeof(struct jwt_options),
                 .options = PARLEY_TABLE(options),
                 .metrics = PARLEY_TABLE(jwt_metrics),
                 .provides = PARLEY_TABLE(provides),
                 .create = create,
                 .destroy = destroy};
