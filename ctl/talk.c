/* HTTP over the daemon's control socket, and the sentences about what can go wrong with that. */
#include "base/buf.h"
#include "base/runtime.h"
#include "base/str.h"
#include "ctl.h"

#include <curl/curl.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_BYTES = 16 * 1024 * 1024, CONNECT_S = 5, ANSWER_S = 30 };

struct talk {
    CURL *curl;
    struct buf answer;
    char path[4096]; /* of the socket */
};

static bool exists(const char *path, bool must_be_ours)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
           (!must_be_ours || st.st_uid == geteuid());
}

/* Where a daemon of this user makes its socket; else where one that the system started does. What
 * lies in /tmp may be anybody's. */
static void find_socket(struct ctl *c, char out[4096])
{
    const char *given = c->socket ? c->socket : getenv("PARLEY_SOCKET");
    char *own = runtime_directory();

    snprintf(out, 4096, "%s%s",
             given && *given ? given
             : own           ? own
                             : "/run/parley",
             given && *given ? "" : "/parley.sock");
    free(own);
    if ((!given || !*given) && !exists(out, strncmp(out, "/tmp/", 5) == 0) &&
        exists("/run/parley/parley.sock", false))
        snprintf(out, 4096, "/run/parley/parley.sock");
}

static size_t on_data(char *p, size_t size, size_t n, void *arg)
{
    struct buf *b = arg;

    buf_add(b, p, size * n);
    return b->error ? 0 : size * n;
}

static int begin(struct ctl *c)
{
    struct talk *t = calloc(1, sizeof *t);

    c->talk = t;
    if (!t || curl_global_init(CURL_GLOBAL_DEFAULT) || !(t->curl = curl_easy_init()))
        return ctl_fail(CTL_UNREACHED, "there is not enough memory");
    buf_init(&t->answer, ANSWER_BYTES);
    find_socket(c, t->path);
    if (strlen(t->path) >= sizeof((struct sockaddr_un){0}).sun_path)
        return ctl_fail(CTL_USAGE, "the path of a socket has at most %zu bytes: %s",
                        sizeof((struct sockaddr_un){0}).sun_path - 1, t->path);
    curl_easy_setopt(t->curl, CURLOPT_UNIX_SOCKET_PATH, t->path);
    curl_easy_setopt(t->curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(t->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(t->curl, CURLOPT_TIMEOUT, (long)ANSWER_S);
    curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, &t->answer);
    return CTL_DONE;
}

void talk_end(struct ctl *c)
{
    if (!c->talk)
        return;
    curl_easy_cleanup(c->talk->curl);
    buf_finish(&c->talk->answer);
    free(c->talk);
    c->talk = NULL;
    curl_global_cleanup();
}

char *talk_path(struct ctl *c, const char *path, ...)
{
    struct buf b;
    const char *name, *value;
    va_list args;

    (void)c;
    buf_init(&b, 0);
    buf_add_cstr(&b, path);
    va_start(args, path);
    while ((name = va_arg(args, const char *))) {
        char *safe;

        value = va_arg(args, const char *);
        safe = value ? curl_easy_escape(NULL, value, 0) : NULL;
        if (safe)
            buf_addf(&b, "%c%s=%s", strchr(b.p, '?') ? '&' : '?', name, safe);
        curl_free(safe);
    }
    va_end(args);
    if (b.error) {
        ctl_fail(CTL_UNREACHED, "there is not enough memory");
        exit(CTL_UNREACHED);
    }
    return buf_take(&b, NULL);
}

/* --- what went wrong --- */

static int forbidden(const struct talk *t)
{
    struct stat st;

    if (stat(t->path, &st) < 0)
        return ctl_fail(CTL_FORBIDDEN,
                        "you may not use %s: its folder is closed to you; be root, or the user "
                        "that the daemon runs as",
                        t->path);
    const struct passwd *user = getpwuid(st.st_uid);
    const struct group *group = getgrgid(st.st_gid);
    return ctl_fail(CTL_FORBIDDEN,
                    "you may not use %s: root may, the user %s, and the group %s if "
                    "[control] names it",
                    t->path, user ? user->pw_name : "that owns it",
                    group ? group->gr_name : "that it has");
}

static int unreached(const struct talk *t, CURLcode code)
{
    long error = 0;

    curl_easy_getinfo(t->curl, CURLINFO_OS_ERRNO, &error);
    if (code == CURLE_COULDNT_CONNECT && (error == EACCES || error == EPERM))
        return forbidden(t);
    if (code == CURLE_COULDNT_CONNECT)
        return ctl_fail(CTL_UNREACHED,
                        "no daemon listens at %s: is it running? Start it, or pass --socket PATH",
                        t->path);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return ctl_fail(CTL_UNREACHED, "the daemon at %s does not answer: does something hang?",
                        t->path);
    if (code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
        code == CURLE_PARTIAL_FILE)
        return ctl_fail(CTL_UNREACHED, "the daemon at %s closed the connection: it has stopped",
                        t->path);
    return ctl_fail(CTL_UNREACHED, "what listens at %s is no Parley: %s", t->path,
                    curl_easy_strerror(code));
}

/* A status that is no success, with the daemon's own words. */
static int refused(struct talk *t, long status)
{
    char *text = buf_take(&t->answer, NULL);
    char words[1024];
    int r;

    if (text)
        text[strcspn(text, "\n")] = '\0';
    str_printable(str_of(text && *text ? text : "no reason is given"), words, sizeof words);
    r = ctl_fail(status == 403 ? CTL_FORBIDDEN : CTL_REFUSED, "%s", words);
    free(text);
    return r;
}

static int perform(struct talk *t, const char *method, const char *path, const char *body)
{
    struct curl_slist *headers = NULL;
    char *url = NULL;
    CURLcode code = CURLE_OUT_OF_MEMORY;

    buf_clear(&t->answer);
    if (asprintf(&url, "http://localhost%s", path) >= 0) {
        headers = curl_slist_append(NULL, "Content-Type: application/json");
        curl_easy_setopt(t->curl, CURLOPT_URL, url);
        curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, body ? headers : NULL);
        curl_easy_setopt(t->curl, CURLOPT_CUSTOMREQUEST, method);
        curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, body);
        if (!body)
            curl_easy_setopt(t->curl, CURLOPT_HTTPGET, 1L);
        code = curl_easy_perform(t->curl);
        curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, NULL);
    }
    curl_slist_free_all(headers);
    free(url);
    return code == CURLE_OK ? CTL_DONE : unreached(t, code);
}

int talk_section(struct ctl *c, const char *plugin, const char *lack, const char *route, char **ret)
{
    const char *section = c->values['S'], *name = strrchr(plugin, '.') + 1;
    json_t *answer = NULL, *p;
    int r = CTL_DONE;
    size_t i;

    if (!section) {
        r = talk_ask(c, NULL, "/admin/plugins", NULL, &answer);
        if (r != CTL_DONE)
            return r;
        json_array_foreach (json_object_get(answer, "plugins"), i, p)
            if (!section && !strcmp(print_str(p, "plugin"), plugin))
                section = print_str(p, "section");
    }
    if (!section)
        r = ctl_fail(CTL_REFUSED,
                     "this server %s: its configuration has no section with the plugin '%s', such "
                     "as [hub %s]",
                     lack, name, name);
    else if (asprintf(ret, "/admin/%s/%s", section, route) < 0)
        r = ctl_fail(CTL_UNREACHED, "there is not enough memory");
    json_decref(answer);
    return r;
}

int talk_ask(struct ctl *c, const char *method, const char *path, json_t *take_body, json_t **ret)
{
    char *body = take_body ? json_dumps(take_body, JSON_COMPACT) : NULL;
    int r = c->talk ? CTL_DONE : begin(c);
    long status = 0;
    json_t *answer;

    json_decref(take_body);
    if (r == CTL_DONE)
        r = perform(c->talk, method ? method : body ? "POST" : "GET", path, body);
    free(body);
    if (r != CTL_DONE)
        return r;
    curl_easy_getinfo(c->talk->curl, CURLINFO_RESPONSE_CODE, &status);
    if ((status < 200 || status > 299) && status != 422)
        return refused(c->talk, status);
    answer = json_loadb(c->talk->answer.p ? c->talk->answer.p : "", c->talk->answer.n, 0, NULL);
    if (!answer)
        return ctl_fail(CTL_UNREACHED, "what listens at %s is no Parley", c->talk->path);
    if (ret)
        *ret = answer;
    else
        json_decref(answer);
    return CTL_DONE;
}
