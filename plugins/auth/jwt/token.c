/* A token, taken apart: three parts, a header that says which key, a payload, a signature.
 *
 * Nearly everything here is done to text of strangers before any signature was checked: it is
 * bounded before it is parsed, and what is not exactly as the standards write it is refused. The
 * signature itself is OpenSSL's work, asked once all of this was found good. base64url is cjose's;
 * its check of signatures is not used: a key of it must not be shared between threads, and to
 * import one for each check costs more than the check.
 *
 * cjose gets no cjose_err: to fill one it would empty the thread's OpenSSL error queue, which is
 * TLS's as well, by way of a buffer that all threads share.
 */
#include "jwt.h"

#include <cjose/base64.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <stdlib.h>

#define DEPTH_MAX   16
#define VALUES_MAX  2048
#define ES256_BYTES 64 /* two numbers of 32 */

/* Text of strangers comes to cjose through here first: a '=' in the wrong place ends its process by
 * an assert. It also lets pass bits that belong to no byte, and one text is to be one token: what
 * encoding gives is the only spelling. */
unsigned char *base64url_decode(const char *p, size_t n, size_t *ret_bytes)
{
    unsigned char *bytes = NULL;
    char *again = NULL;
    size_t again_n = 0;
    bool same;

    if (memchr(p, '=', n) || !cjose_base64url_decode(p, n, &bytes, ret_bytes, NULL))
        return NULL;
    same = cjose_base64url_encode(bytes, *ret_bytes, &again, &again_n, NULL) && again_n == n &&
           memcmp(again, p, n) == 0;
    free(again);
    if (same)
        return bytes;
    free(bytes);
    return NULL;
}

/* Counts before jansson builds: a few KiB of "[[[[" or "[],[]," become hundreds of KiB of tree. */
static bool within(const char *p, size_t n, unsigned depth, unsigned values)
{
    unsigned deep = 0, seen = 1;
    bool in_string = false;

    for (size_t i = 0; i < n; i++) {
        if (in_string) {
            if (p[i] == '\\')
                i++;
            else if (p[i] == '"')
                in_string = false;
            continue;
        }
        switch (p[i]) {
        case '"':
            in_string = true;
            break;
        case '{':
        case '[':
            seen++;
            if (++deep > depth)
                return false;
            break;
        case '}':
        case ']':
            if (deep == 0)
                return false;
            deep--;
            break;
        case ',':
            seen++;
            break;
        default:
            break;
        }
        if (seen > values)
            return false;
    }
    return true;
}

json_t *json_read(const char *p, size_t n, unsigned depth, unsigned values)
{
    json_error_t ignored; /* it would quote the token */
    json_t *j =
        within(p, n, depth, values) ? json_loadb(p, n, JSON_REJECT_DUPLICATES, &ignored) : NULL;

    if (json_is_object(j))
        return j;
    json_decref(j);
    return NULL;
}

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
    const char *type = json_string_value(json_object_get(t->header, "typ"));

    if (!type)
        return BAD_TYPE;
    t->at_jwt = same_nocase(type, "at+jwt") || same_nocase(type, "application/at+jwt");
    return t->at_jwt || same_nocase(type, "jwt") ? OK : BAD_TYPE;
}

static enum reason read_algorithm(struct token *t, const struct jwt_options *o)
{
    static const char *const names[] = {
        [ALG_RS256] = "RS256", [ALG_ES256] = "ES256", [ALG_EDDSA] = "EdDSA"};
    const char *alg = json_string_value(json_object_get(t->header, "alg"));

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
    json_t *kid = json_object_get(t->header, "kid");

    if (!kid)
        return OK;
    t->kid = json_string_value(kid);
    t->kid_bytes = json_string_length(kid);
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
        if (json_object_get(t->header, keys[i]))
            return KEY_IN_HEADER;
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (json_object_get(t->header, meanings[i]))
            return CRITICAL_HEADER;
    r = read_type(t);
    if (r == OK)
        r = read_algorithm(t, o);
    return r == OK ? read_kid(t) : r;
}

/* Whose it is, before anything is said against it: a second section may know its issuer. */
static enum reason read_issuer(const struct token *t, const struct jwt_options *o)
{
    json_t *iss = json_object_get(t->claims, "iss");
    size_t n = strlen(o->issuer);

    if (!json_is_string(iss))
        return NO_ISSUER;
    return json_string_length(iss) == n && memcmp(json_string_value(iss), o->issuer, n) == 0
               ? OK
               : OTHER_ISSUER;
}

static json_t *decode_json(const char *p, const char *end)
{
    size_t n;
    unsigned char *bytes = base64url_decode(p, (size_t)(end - p), &n);
    json_t *j = bytes ? json_read((const char *)bytes, n, DEPTH_MAX, VALUES_MAX) : NULL;

    free(bytes);
    return j;
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
        t->header = decode_json(p, dot1);
    if (t->header)
        t->claims = decode_json(dot1 + 1, dot2);
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
    json_decref(t->header);
    json_decref(t->claims);
    free(t->signature);
    *t = (struct token){0};
}

/* A JWT carries the two numbers side by side, OpenSSL reads them as DER. free() by OPENSSL_free;
 * NULL: they are not of 32 bytes each, or there is no memory. */
static unsigned char *es256_der(const struct token *t, size_t *ret_bytes)
{
    bool whole = t->signature_bytes == ES256_BYTES;
    ECDSA_SIG *sig = whole ? ECDSA_SIG_new() : NULL;
    BIGNUM *r = sig ? BN_bin2bn(t->signature, ES256_BYTES / 2, NULL) : NULL;
    BIGNUM *s = sig ? BN_bin2bn(t->signature + ES256_BYTES / 2, ES256_BYTES / 2, NULL) : NULL;
    unsigned char *der = NULL;
    int n = 0;

    if (r && s && ECDSA_SIG_set0(sig, r, s)) {
        r = s = NULL;
        n = i2d_ECDSA_SIG(sig, &der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    *ret_bytes = n > 0 ? (size_t)n : 0;
    return n > 0 ? der : NULL;
}

static bool verify(const struct token *t, const struct key *k, const unsigned char *signature,
                   size_t signature_bytes)
{
    const EVP_MD *md = k->algorithm == ALG_EDDSA ? NULL : EVP_sha256();
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = c && EVP_DigestVerifyInit(c, NULL, md, NULL, k->pkey) == 1 &&
              EVP_DigestVerify(c, signature, signature_bytes, (const unsigned char *)t->text.p,
                               t->signed_bytes) == 1;

    EVP_MD_CTX_free(c);
    return ok;
}

static bool verify_es256(const struct token *t, const struct key *k)
{
    size_t n;
    unsigned char *der = es256_der(t, &n);
    bool ok = der && verify(t, k, der, n);

    OPENSSL_free(der);
    return ok;
}

bool token_verify(const struct token *t, const struct key *k)
{
    bool ok;

    if (t->algorithm != k->algorithm)
        return false;
    /* What is left in the thread's error queue would end a TLS connection. */
    ERR_set_mark();
    ok = k->algorithm == ALG_ES256 ? verify_es256(t, k)
                                   : verify(t, k, t->signature, t->signature_bytes);
    ERR_pop_to_mark();
    return ok;
}
