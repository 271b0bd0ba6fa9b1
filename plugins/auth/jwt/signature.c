/* Is a token signed by a key? OpenSSL's work; what costs more than looking is done once for a key.
 *
 * To prepare a check (find the algorithms, make their contexts) takes a quarter as long as an RSA
 * check itself, and what was prepared may be used again, by one thread at a time. So a key keeps
 * one such checker aside: who checks takes it, or makes one when another pump has it, and puts it
 * back. Ed25519 signs the message and not a hash, and its context is for one use.
 */
#include "jwt.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <stdlib.h>

#define ES256_BYTES 64 /* two numbers of 32 */

struct checker {
    EVP_MD_CTX *hash;
    EVP_PKEY_CTX *verify;
};

void checker_free(struct checker *c)
{
    if (!c)
        return;
    EVP_MD_CTX_free(c->hash);
    EVP_PKEY_CTX_free(c->verify);
    free(c);
}

static struct checker *checker_new(const struct key *k)
{
    struct checker *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->hash = EVP_MD_CTX_new();
    c->verify = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
    if (c->hash && c->verify && EVP_DigestInit_ex2(c->hash, EVP_sha256(), NULL) == 1 &&
        EVP_PKEY_verify_init(c->verify) == 1 &&
        (k->algorithm != ALG_RS256 ||
         EVP_PKEY_CTX_set_rsa_padding(c->verify, RSA_PKCS1_PADDING) == 1) &&
        EVP_PKEY_CTX_set_signature_md(c->verify, EVP_sha256()) == 1)
        return c;
    checker_free(c);
    return NULL;
}

static bool verify_hash(const struct token *t, struct key *k, const unsigned char *signature,
                        size_t signature_bytes)
{
    struct checker *c = atomic_exchange(&k->spare, NULL);
    unsigned char hash[SHA256_DIGEST_LENGTH];
    bool ok;

    if (!c)
        c = checker_new(k);
    ok = c && EVP_DigestInit_ex2(c->hash, NULL, NULL) == 1 &&
         EVP_DigestUpdate(c->hash, t->text.p, t->signed_bytes) == 1 &&
         EVP_DigestFinal_ex(c->hash, hash, NULL) == 1 &&
         EVP_PKEY_verify(c->verify, signature, signature_bytes, hash, sizeof hash) == 1;
    checker_free(atomic_exchange(&k->spare, c));
    return ok;
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

static bool verify_es256(const struct token *t, struct key *k)
{
    size_t n;
    unsigned char *der = es256_der(t, &n);
    bool ok = der && verify_hash(t, k, der, n);

    OPENSSL_free(der);
    return ok;
}

static bool verify_eddsa(const struct token *t, const struct key *k)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = c && EVP_DigestVerifyInit(c, NULL, NULL, NULL, k->pkey) == 1 &&
              EVP_DigestVerify(c, t->signature, t->signature_bytes,
                               (const unsigned char *)t->text.p, t->signed_bytes) == 1;

    EVP_MD_CTX_free(c);
    return ok;
}

bool token_verify(const struct token *t, struct key *k)
{
    bool ok;

    if (t->algorithm != k->algorithm)
        return false;
    /* What is left in the thread's error queue would end a TLS connection. */
    ERR_set_mark();
    ok = k->algorithm == ALG_RS256   ? verify_hash(t, k, t->signature, t->signature_bytes)
         : k->algorithm == ALG_ES256 ? verify_es256(t, k)
                                     : verify_eddsa(t, k);
    ERR_pop_to_mark();
    return ok;
}
