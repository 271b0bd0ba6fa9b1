/* A token, taken apart: three parts, a header that says which key, a payload, a signature.
 *
 * Nearly everything here is done to text of strangers before any signature was checked: it is
 * bounded before it is parsed, and what is not exactly as the standards write it is refused. The
 * signature is looked at last (signature.c), once all of this was found good.
 */
#include "base64url.h"
#include "jwt.h"

#include <stdlib.h>

#define DEPTH_MAX  16
#define VALUES_MAX 2048

static bool same_nocase(const char *a, const char *lower)
{
    for (; *a && *lower; a++, lower++)
        if ((*a >= 'A' && *a <= 'Z' ? *a - 'A' + 'a' : *a) != *lower)
            return false;
    return !*a && !*lower;
}

/* "JWT" or "at+jwt" (RFC 9068), the latter also with the prefix that RFC 7515 lets one leave out.
 */
static enum reason read_type(struct token *t)
{
    const char *type = node_string(node_get(t->header, "typ"));

    if (!type)
        return BAD_TYPE;
    t->at_jwt = same_nocase(type, "at+jwt") || same_nocase(type, "application/at+jwt");
    return t->at_jwt || same_nocase(type, "jwt") ? OK : BAD_TYPE;
}

static enum reason read_algorithm(struct token *t, const struct jwt_options *o)
{
    static const char *const names[] = {
        [ALG_RS256] = "RS256", [ALG_ES256] = "ES256", [ALG_EDDSA] = "EdDSA"};
    const char *alg = node_string(node_get(t->header, "alg"));

    if (!alg || !list_has(&o->algorithms, alg))
        return BAD_ALGORITHM;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(alg, names[i]) == 0) {
            t->algorithm = (enum algorithm)i;
            return OK;
        }
    return BAD_ALGORITHM;
}

static enum reason read_kid(struct token *t)
{
    const struct node *kid = node_get(t->header, "kid");

    if (!kid)
        return OK;
    t->kid = node_string(kid);
    t->kid_bytes = node_string_bytes(kid);
    return t->kid && t->kid_bytes > 0 && t->kid_bytes <= KID_BYTES ? OK : BAD_KID;
}

static enum reason read_header(struct token *t, const struct jwt_options *o)
{
    /* Where to find a key is our business alone. b64 and zip change what the payload means, and
     * may only stand beside a crit; a payload with a content type is another token. */
    static const char *const keys[] = {"jku", "x5u", "jwk", "x5c"};
    static const char *const meanings[] = {"crit", "b64", "zip", "cty", "enc"};
    enum reason r;

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (node_get(t->header, keys[i]))
            return KEY_IN_HEADER;
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (node_get(t->header, meanings[i]))
            return CRITICAL_HEADER;
    r = read_type(t);
    if (r == OK)
        r = read_algorithm(t, o);
    return r == OK ? read_kid(t) : r;
}

/* Whose it is, before anything is said against it: a second section may know its issuer. */
static enum reason read_issuer(const struct token *t, const struct jwt_options *o)
{
    const char *iss = node_string(node_get(t->claims, "iss"));

    if (!iss)
        return NO_ISSUER;
    return strcmp(iss, o->issuer) == 0 ? OK : OTHER_ISSUER;
}

static struct node *decode_json(const char *p, const char *end, char **ret_text)
{
    size_t n = 0;

    *ret_text = (char *)base64url_decode(p, (size_t)(end - p), &n);
    return *ret_text ? nodes_parse(*ret_text, n, DEPTH_MAX, VALUES_MAX) : NULL;
}

static enum reason split(struct token *t)
{
    const char *p = t->text.p, *end = p + t->text.n;
    const char *dot1 = memchr(p, '.', t->text.n);
    const char *dot2 = dot1 ? memchr(dot1 + 1, '.', (size_t)(end - dot1 - 1)) : NULL;

    if (!dot2 || memchr(dot2 + 1, '.', (size_t)(end - dot2 - 1)))
        return NOT_A_JWT;
    t->signed_bytes = (size_t)(dot2 - p);
    t->signature = base64url_decode(dot2 + 1, (size_t)(end - dot2 - 1), &t->signature_bytes);
    if (t->signature)
        t->header = decode_json(p, dot1, &t->header_text);
    if (t->header)
        t->claims = decode_json(dot1 + 1, dot2, &t->claims_text);
    return t->claims ? OK : MALFORMED;
}

enum reason token_read(struct token *t, parley_str text, const struct jwt_options *o)
{
    enum reason r;

    *t = (struct token){.text = text};
    if (text.n > TOKEN_BYTES)
        return TOO_LARGE;
    r = split(t);
    if (r == OK)
        r = read_issuer(t, o);
    return r == OK ? read_header(t, o) : r;
}

void token_finish(struct token *t)
{
    free(t->header);
    free(t->header_text);
    free(t->claims);
    free(t->claims_text);
    free(t->signature);
    *t = (struct token){0};
}
