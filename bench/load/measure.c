/* Clocks, what the server used, latencies; and the cost of a signature by itself. */
#include "load.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static double read_clock(clockid_t id)
{
    struct timespec t;

    return clock_gettime(id, &t) == 0 ? (double)t.tv_sec + (double)t.tv_nsec / 1e9 : 0;
}

double own_cpu_seconds(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

/* User and kernel, of all threads, to the nanosecond: on loopback that is all that a delivery costs
 * the server's side, the receiving half of TCP included. */
double cpu_seconds(const pid_t *pids, unsigned n)
{
    double sum = 0;
    clockid_t id;

    for (unsigned i = 0; i < n; i++)
        if (clock_getcpuclockid(pids[i], &id) == 0)
            sum += read_clock(id);
    return sum;
}

int64_t resident_bytes(const pid_t *pids, unsigned n)
{
    int64_t sum = 0;

    for (unsigned i = 0; i < n; i++) {
        char path[64];
        long long size, resident;
        FILE *f;

        snprintf(path, sizeof path, "/proc/%d/statm", (int)pids[i]);
        f = fopen(path, "r");
        if (f && fscanf(f, "%lld %lld", &size, &resident) == 2)
            sum += resident * sysconf(_SC_PAGESIZE);
        if (f)
            fclose(f);
    }
    return sum;
}

/* Buckets: 32 to each power of two. */
static unsigned bucket(uint64_t us)
{
    unsigned shift = 0;

    while (us >> shift >= 64)
        shift++;
    return shift * 32 + (unsigned)(us >> shift);
}

void histogram_add(struct histogram *h, int64_t us)
{
    uint64_t v = us > 0 ? (uint64_t)us : 0;

    h->counts[bucket(v)]++;
    h->n++;
    if (v > h->max)
        h->max = v;
}

int64_t histogram_at(const struct histogram *h, double quantile)
{
    uint64_t rank = (uint64_t)((double)h->n * quantile), seen = 0;

    for (unsigned i = 0; i < sizeof h->counts / sizeof *h->counts; i++) {
        seen += h->counts[i];
        if (seen > rank) {
            unsigned shift = i < 64 ? 0 : i / 32 - 1;
            return (int64_t)(i - shift * 32) << shift;
        }
    }
    return (int64_t)h->max;
}

/* --- the signature of a token, and nothing else --- */

static EVP_PKEY *read_key(const char *file)
{
    FILE *f = fopen(file, "r");
    EVP_PKEY *key;

    if (!f)
        FAIL("%s: %s", file, strerror(errno));
    key = PEM_read_PUBKEY(f, NULL, NULL, NULL);
    fclose(f);
    if (!key)
        FAIL("%s: no public key in PEM", file);
    return key;
}

static size_t decode_base64url(const char *text, unsigned char *out, size_t cap)
{
    char padded[2048];
    size_t n = strlen(text), i;
    int got;

    for (i = 0; i < n && i + 4 < sizeof padded; i++)
        padded[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
    while (i % 4)
        padded[i++] = '=';
    if (i / 4 * 3 > cap)
        FAIL("the token's signature is too long");
    got = EVP_DecodeBlock(out, (const unsigned char *)padded, (int)i);
    if (got < 0)
        FAIL("the token's signature is no base64url");
    return (size_t)got - (i - n);
}

int measure_signature(const char *key_file, const char *token, FILE *out)
{
    enum { BEST_OF = 9, TURNS = 500 };
    EVP_PKEY *key = read_key(key_file);
    const char *dot = strrchr(token, '.');
    unsigned char signature[1536];
    double best = 0;
    size_t n;

    if (!dot)
        FAIL("the token has no signature");
    n = decode_base64url(dot + 1, signature, sizeof signature);
    for (int k = 0; k < BEST_OF; k++) {
        double before = own_cpu_seconds(), used;

        for (int i = 0; i < TURNS; i++) {
            EVP_MD_CTX *md = EVP_MD_CTX_new();

            if (!md || EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key) != 1 ||
                EVP_DigestVerify(md, signature, n, (const unsigned char *)token,
                                 (size_t)(dot - token)) != 1)
                FAIL("the token is not signed by that key");
            EVP_MD_CTX_free(md);
        }
        used = (own_cpu_seconds() - before) / TURNS * 1e6;
        if (k == 0 || used < best)
            best = used;
    }
    EVP_PKEY_free(key);
    fprintf(out, "{\"us_per_signature\":%.2f}\n", best);
    return 0;
}
