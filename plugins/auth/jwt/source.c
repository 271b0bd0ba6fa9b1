/* Where the keys come from: a file, an address, or what the issuer's discovery document names.
 *
 * One attempt at a time, and after each, good or bad, a cooldown in which strangers cannot cause
 * another: they can make up key ids as fast as they like. Each attempt ends in a publication, so
 * that whoever waits for it is asked about again; an attempt that fails leaves the keys as they
 * were.
 */
#define _POSIX_C_SOURCE 200809L /* open, fstat, strdup */
#include "jwt.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FETCH_DEADLINE_MS 10000
#define RETRY_FIRST_MS    1000 /* while there is no key at all; doubles up to the cooldown */
#define URL_BYTES         2048
#define DISCOVERY_PATH    "/.well-known/openid-configuration"
#define TIMER             "keys"

enum { TAG_DISCOVERY = 1, TAG_KEYS };

struct source {
    const struct jwt_options *o;
    bool is_file, is_discovered;
    char *url;            /* of the key set; NULL: of a file, or not discovered yet */
    uint32_t waiting_for; /* the tag of the fetch that is under way; 0: none */
    struct keys *keys;    /* NULL: none yet */
    int64_t again_ms, retry_ms;
};

/* http is for loopback addresses alone. The host holds to the same; here an operator is told at
 * once. */
static bool is_loopback(const char *host)
{
    size_t n = strcspn(host, ":/?#");

    if (host[0] == '[')
        return strncmp(host, "[::1]", 5) == 0 && strchr(":/", host[5]) != NULL;
    if (n == 9 && strncmp(host, "localhost", n) == 0)
        return true;
    return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == n;
}

static bool may_fetch(const char *url)
{
    const char *host = strstr(url, "://");
    size_t n = strlen(url);

    if (!host || n >= URL_BYTES)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)url[i] <= ' ' || (unsigned char)url[i] >= 0x7f)
            return false;
    host += 3;
    if (host[0] == 0 || memchr(host, '@', strcspn(host, "/")))
        return false;
    return strncmp(url, "https://", 8) == 0 ||
           (strncmp(url, "http://", 7) == 0 && is_loopback(host));
}

/* --- a file --- */
static struct keys *read_file(const char *path, const char **ret_why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO would keep us waiting */
    struct keys *k = NULL;
    size_t used = 0;
    struct stat st;
    ssize_t n = 1;
    char *text;

    if (fd < 0) {
        *ret_why = strerror(errno);
        return NULL;
    }
    text = malloc(KEYS_BYTES + 1);
    *ret_why = text ? "it is not a regular file" : "there is no memory";
    if (text && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        while (n > 0 && used <= KEYS_BYTES) {
            n = read(fd, text + used, KEYS_BYTES + 1 - used);
            used += n > 0 ? (size_t)n : 0;
        }
        if (n < 0)
            *ret_why = strerror(errno);
        else
            k = keys_parse(text, used, ret_why);
    }
    free(text);
    close(fd);
    return k;
}

/* --- one attempt --- */
static void publish_destroy(void *snapshot)
{
    struct snapshot *s = snapshot;

    keys_unref(s->keys);
    free(s);
}

static void publish(parley_host *h, struct source *s)
{
    struct snapshot *p = malloc(sizeof *p);

    if (!p) {
        parley_log(h, PARLEY_ERROR, "jwt_publish_failed", "there is no memory");
        return;
    }
    p->keys = keys_ref(s->keys);
    p->again_ms = s->again_ms;
    if (parley_publish(h, p, publish_destroy) != 0)
        parley_log(h, PARLEY_ERROR, "jwt_publish_failed", "the server did not take the keys");
}

static void set_timer(parley_host *h, int64_t ms)
{
    parley_timer_cancel(h, TIMER);
    if (parley_timer_after(h, ms, TIMER) != 0)
        parley_log(h, PARLEY_ERROR, "jwt_timer_failed", "the keys will not be fetched again");
}

static void succeeded(parley_host *h, struct source *s, struct keys *take)
{
    bool news = !s->keys || s->keys->count != take->count;

    keys_unref(s->keys);
    s->keys = take;
    s->again_ms = parley_uptime_ms(h) + s->o->cooldown_ms;
    parley_metric_add_for(h, &jwt_metrics[METRIC_FETCHES], PARLEY_STR("fetched"), 1);
    publish(h, s);
    parley_ready(h, true, NULL);
    if (news) /* not before it is true */
        parley_log(h, PARLEY_INFO, "jwt_keys", "%zu keys of %s", take->count, s->o->issuer);
    set_timer(h, s->o->cache_max_ms);
}

static void failed(parley_host *h, struct source *s, const char *why)
{
    int64_t cooldown_ms = s->o->cooldown_ms, wait_ms = cooldown_ms;

    s->again_ms = parley_uptime_ms(h) + cooldown_ms;
    parley_metric_add_for(h, &jwt_metrics[METRIC_FETCHES], PARLEY_STR("failed"), 1);
    if (s->is_discovered) { /* it may have moved */
        free(s->url);
        s->url = NULL;
    }
    parley_log(h, PARLEY_WARNING, "jwt_keys_failed", "no keys of %s: %s; %s", s->o->issuer, why,
               s->keys ? "the old ones stay" : "nobody can sign in");
    if (s->keys) {
        publish(h, s);
    } else { /* who waits goes on waiting; the issuer may be starting just as we are */
        if (s->retry_ms < wait_ms)
            wait_ms = s->retry_ms;
        s->retry_ms *= 2;
    }
    set_timer(h, wait_ms);
}

static void fetch(parley_host *h, struct source *s, const char *url, uint32_t tag)
{
    parley_out *q = parley_http_request(h, "GET", url);
    int r;

    if (s->o->ca_file)
        parley_put_str(q, "ca_file", (parley_str){s->o->ca_file, strlen(s->o->ca_file)});
    parley_put_int(q, "max_bytes", KEYS_BYTES);
    s->waiting_for = tag;
    r = parley_fetch(h, q, FETCH_DEADLINE_MS, tag);
    if (r == 0)
        return;
    s->waiting_for = 0;
    failed(h, s, strerror(-r));
}

static void begin(parley_host *h, struct source *s)
{
    char url[URL_BYTES];
    size_t n = strlen(s->o->issuer);

    if (s->is_file) {
        const char *why;
        struct keys *k = read_file(s->o->jwks, &why);
        if (k)
            succeeded(h, s, k);
        else
            failed(h, s, why);
    } else if (s->url) {
        fetch(h, s, s->url, TAG_KEYS);
    } else {
        while (n > 0 && s->o->issuer[n - 1] == '/')
            n--;
        snprintf(url, sizeof url, "%.*s%s", (int)n, s->o->issuer, DISCOVERY_PATH);
        fetch(h, s, url, TAG_DISCOVERY);
    }
}

/* The document must be the issuer's own, and may not lead from https to http. */
static void discovered(parley_host *h, struct source *s, parley_str body)
{
    json_t *doc = json_read(body.p, body.n, 16, 5000);
    const char *issuer = json_string_value(json_object_get(doc, "issuer"));
    const char *url = json_string_value(json_object_get(doc, "jwks_uri"));
    const char *why = NULL;

    if (!doc)
        why = "its discovery document is no JSON object";
    else if (!issuer || strcmp(issuer, s->o->issuer) != 0)
        why = "its discovery document names another issuer";
    else if (!url || !may_fetch(url) ||
             (strncmp(s->o->issuer, "https:", 6) == 0 && strncmp(url, "https:", 6) != 0))
        why = "its discovery document names no jwks_uri that may be fetched";
    else if (!(s->url = strdup(url)))
        why = "there is no memory";
    json_decref(doc);
    if (why)
        failed(h, s, why);
    else
        fetch(h, s, s->url, TAG_KEYS);
}

/* --- the hooks --- */
void source_answer(parley_host *h, struct source *s, const parley_answer *a)
{
    char why[64];
    const char *fault = why;
    struct keys *k;

    if (s->waiting_for == 0 || a->tag != s->waiting_for)
        return;
    s->waiting_for = 0;
    if (a->error)
        snprintf(why, sizeof why, "%s", strerror(a->error < 0 ? -a->error : a->error));
    else if (a->status != 200)
        snprintf(why, sizeof why, "status %d", a->status);
    else if (!a->body.p)
        snprintf(why, sizeof why, "an empty answer");
    else if (a->tag == TAG_DISCOVERY) {
        discovered(h, s, a->body);
        return;
    } else {
        k = keys_parse(a->body.p, a->body.n, &fault);
        if (k) {
            succeeded(h, s, k);
            return;
        }
    }
    failed(h, s, fault);
}

void source_wanted(parley_host *h, struct source *s)
{
    if (s->waiting_for || !s->keys)
        return; /* what is under way, or the timer, will end in a publication */
    if (parley_uptime_ms(h) >= s->again_ms)
        begin(h, s);
    else /* it was asked of an older snapshot; the present one knows */
        publish(h, s);
}

void source_timer(parley_host *h, struct source *s)
{
    if (s->waiting_for)
        return;
    if (s->is_discovered) {
        free(s->url);
        s->url = NULL;
    }
    begin(h, s);
}

int source_start(parley_host *h, struct source *s)
{
    if (s->is_file) {
        s->again_ms = parley_uptime_ms(h) + s->o->cooldown_ms;
        publish(h, s);
        parley_ready(h, true, NULL);
        set_timer(h, s->o->cache_max_ms);
        return 0;
    }
    parley_ready(h, false, "the issuer's keys are not there yet");
    begin(h, s);
    return 0;
}

/* --- options --- */
static int check_options(parley_host *h, struct source *s)
{
    const struct jwt_options *o = s->o;
    const char *why;

    if (o->ca_file && access(o->ca_file, R_OK) != 0)
        return parley_bad_option(h, "ca_file", "'%s' cannot be read: %s", o->ca_file,
                                 strerror(errno));
    if (!o->jwks) {
        s->is_discovered = true;
        if (!may_fetch(o->issuer) || strpbrk(o->issuer, "?#") ||
            strlen(o->issuer) + sizeof DISCOVERY_PATH > URL_BYTES)
            return parley_bad_option(h, "issuer",
                                     "'%s' is no https:// address (http:// is for loopback "
                                     "addresses alone): say by 'jwks' where its keys are",
                                     o->issuer);
        return 0;
    }
    if (strstr(o->jwks, "://")) {
        if (!may_fetch(o->jwks))
            return parley_bad_option(h, "jwks",
                                     "'%s' is no https:// address (http:// is for loopback "
                                     "addresses alone)",
                                     o->jwks);
        s->url = strdup(o->jwks);
        return s->url ? 0 : -ENOMEM;
    }
    s->is_file = true;
    s->keys = read_file(o->jwks, &why);
    return s->keys ? 0 : parley_bad_option(h, "jwks", "no keys in '%s': %s", o->jwks, why);
}

int source_new(parley_host *h, const struct jwt_options *o, struct source **ret)
{
    struct source *s = calloc(1, sizeof *s);
    int r;

    if (!s)
        return -ENOMEM;
    s->o = o;
    s->retry_ms = RETRY_FIRST_MS;
    r = check_options(h, s);
    if (r == 0)
        *ret = s;
    else
        source_free(s);
    return r;
}

void source_free(struct source *s)
{
    if (!s)
        return;
    keys_unref(s->keys);
    free(s->url);
    free(s);
}
