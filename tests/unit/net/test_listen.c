/* Listening, and what is said when it cannot be done; certificates that cannot be used. */
#include "driver.h"

#include <fcntl.h>
#include <sys/stat.h>

static int listen_on(const char *address, bool first, struct listener_socket *ret, char why[256])
{
    parley_str item = str_of(address);
    parley_list list = {&item, 1};
    struct listener_socket *sockets;
    size_t count;
    int r = net_listen(&list, first, &sockets, &count, why);

    if (r < 0)
        return r;
    ck_assert_uint_eq(count, 1);
    *ret = sockets[0];
    free(sockets);
    return 0;
}

START_TEST(shares_a_port_between_pumps)
{
    static const char entry[] = "127.0.0.1:0";
    struct listener_socket a, b, c;
    char why[256];

    ck_assert_int_eq(listen_on(entry, true, &a, why), 0);
    ck_assert_int_eq(memcmp(a.address, "127.0.0.1:", 10), 0);
    ck_assert_str_ne(a.address, "127.0.0.1:0");
    ck_assert_int_eq(listen_on(entry, false, &b, why), 0);
    ck_assert_str_eq(a.address, b.address);
    /* the same text elsewhere is another entry */
    char other[] = "127.0.0.1:0";
    ck_assert_int_eq(listen_on(other, true, &c, why), 0);
    ck_assert_str_ne(a.address, c.address);
    close(a.fd);
    close(b.fd);
    close(c.fd);
}
END_TEST

START_TEST(tells_who_is_there)
{
    struct listener_socket a, b;
    char why[256], wanted[256];
    int plain = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;

    /* another Parley of the same user, which shares its port */
    ck_assert_int_eq(listen_on("127.0.0.1:0", true, &a, why), 0);
    ck_assert_int_eq(listen_on(a.address, true, &b, why), -EADDRINUSE);
    snprintf(wanted, sizeof wanted, "cannot listen on %s: address already in use", a.address);
    ck_assert_str_eq(why, wanted);
    close(a.fd);
    /* somebody else */
    ck_assert_int_eq(bind(plain, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(plain, 1), 0);
    getsockname(plain, (struct sockaddr *)&at, &n);
    snprintf(wanted, sizeof wanted, "127.0.0.1:%d", ntohs(at.sin_port));
    ck_assert_int_eq(listen_on(wanted, true, &b, why), -EADDRINUSE);
    close(plain);
    /* gone: it can be had at once */
    ck_assert_int_eq(listen_on(wanted, true, &b, why), 0);
    close(b.fd);
}
END_TEST

START_TEST(refuses_nonsense)
{
    static const char *const bad[] = {
        "",        "127.0.0.1", "127.0.0.1:",   "127.0.0.1:70000", "localhost:80",
        "[::1:80", "::1:80",    "127.0.0.1:8o", "[]:80",           ":80",
        "1:-1"};
    struct listener_socket a;
    char why[256];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(listen_on(bad[i], true, &a, why), -EINVAL);
        ck_assert_ptr_nonnull(strstr(why, "not an address and a port"));
    }
    ck_assert_int_eq(listen_on("203.0.113.7:80", true, &a, why), -EADDRNOTAVAIL);
    ck_assert_str_eq(why, "cannot listen on 203.0.113.7:80: cannot assign requested address");
}
END_TEST

START_TEST(listens_on_ipv6)
{
    struct listener_socket a, b;
    char why[256], v4[64];

    if (listen_on("[::1]:0", true, &a, why) < 0)
        return; /* a machine without */
    ck_assert_int_eq(memcmp(a.address, "[::1]:", 6), 0);
    /* the same port of the other family is another's */
    snprintf(v4, sizeof v4, "127.0.0.1:%s", strrchr(a.address, ':') + 1);
    ck_assert_int_eq(listen_on(v4, true, &b, why), 0);
    close(a.fd);
    close(b.fd);
}
END_TEST

/* --- TLS files --- */

static const char *why_not(const char *certificate, const char *key)
{
    static char why[256];
    struct listener_socket *sockets = calloc(1, sizeof *sockets);
    struct net_options o = {.loop = &srv.loop,
                            .actor = &srv.control,
                            .settings = &srv.settings,
                            .tls_certificate = certificate,
                            .tls_key = key,
                            .sockets = sockets};
    struct net *n = net_new(&o, why);

    if (n)
        net_free(n);
    return n ? "" : why;
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    fputs(text, f);
    fclose(f);
}

START_TEST(certificates)
{
    char first_dir[32], first_certificate[64], first_key[64], words[512];

    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, 2);
    ck_assert_int_eq(loop_init(&srv.loop, false), 0);
    srv.control.name = "control";
    loop_add(&srv.loop, &srv.control);
    make_certificate();
    strcpy(first_dir, srv.dir);
    strcpy(first_certificate, srv.certificate);
    strcpy(first_key, srv.key);
    ck_assert_str_eq(why_not(srv.certificate, srv.key), "");
    ck_assert_str_eq(why_not("/nowhere/cert.pem", srv.key),
                     "cannot read tls_certificate /nowhere/cert.pem: no such file or directory");
    ck_assert_str_eq(why_not(srv.certificate, "/nowhere/key.pem"),
                     "cannot read tls_key /nowhere/key.pem: no such file or directory");
    ck_assert_str_eq(why_not(srv.certificate, "/tmp"), "cannot read tls_key /tmp: is a directory");
    ck_assert_str_eq(why_not(srv.certificate, NULL),
                     "tls_certificate and tls_key must be given together");
    ck_assert_ptr_nonnull(strstr(why_not(srv.key, srv.key), "it is no certificate in PEM format"));
    ck_assert_ptr_nonnull(strstr(why_not(srv.certificate, srv.certificate), "no private key"));
    make_certificate(); /* another pair */
    snprintf(words, sizeof words, "tls_key %s does not belong to tls_certificate %s", srv.key,
             first_certificate);
    ck_assert_str_eq(why_not(first_certificate, srv.key), words);
    write_file(srv.key, "");
    ck_assert_ptr_nonnull(strstr(why_not(srv.certificate, srv.key), "the file is empty"));
    if (geteuid() != 0) {
        chmod(first_key, 0);
        snprintf(words, sizeof words, "cannot read tls_key %s: permission denied", first_key);
        ck_assert_str_eq(why_not(first_certificate, first_key), words);
    }
    unlink(srv.certificate);
    unlink(srv.key);
    rmdir(srv.dir);
    unlink(first_certificate);
    unlink(first_key);
    rmdir(first_dir);
    loop_finish(&srv.loop);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {shares_a_port_between_pumps, tells_who_is_there, refuses_nonsense,
                                  listens_on_ipv6, certificates};

    return run_tests("listen", tests, sizeof tests / sizeof *tests);
}
