/* A small HTTP server for tests: a thread that answers one connection after another, by what the
 * path says; plain, or with a certificate for 127.0.0.1 that was made for the occasion.
 */
#ifndef TEST_SERVER_H
#define TEST_SERVER_H
#include "scratch.h"

#include <arpa/inet.h>
#include <check.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct server {
    pthread_t thread;
    int fd, stop[2];
    int port;
    SSL_CTX *tls; /* NULL: plain */
    _Atomic int requests;
    char last[4096]; /* the last request, whole */
} plain, secure;
static char ca_file[SCRATCH_BYTES];

static void send_all(int fd, SSL *ssl, const char *text, size_t n)
{
    while (n) {
        ssize_t k = ssl ? SSL_write(ssl, text, (int)n) : send(fd, text, n, MSG_NOSIGNAL);
        if (k <= 0)
            return;
        text += k;
        n -= (size_t)k;
    }
}

static void answer(int fd, SSL *ssl, const char *path)
{
    char head[2048];
    size_t n = 0;

    if (sscanf(path, "/bytes/%zu", &n) == 1) {
        char *body = malloc(n + 1);
        memset(body, 'x', n);
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nConnection: close\r\n%s\r\n",
                 strstr(path, "unsaid") ? "" : "X-A: b\r\n");
        if (!strstr(path, "unsaid"))
            snprintf(head, sizeof head,
                     "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", n);
        send_all(fd, ssl, head, strlen(head));
        send_all(fd, ssl, body, n);
        free(body);
    } else if (!strncmp(path, "/to/", 4)) {
        snprintf(head, sizeof head,
                 "HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\n"
                 "Location: %s\r\n\r\n",
                 path + 4);
        send_all(fd, ssl, head, strlen(head));
    } else if (!strcmp(path, "/slow")) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        poll(&p, 1, 60000); /* until the client gives up */
    } else if (!strcmp(path, "/headers")) {
        send_all(fd, ssl, "HTTP/1.1 200 OK\r\n", 17);
        for (int i = 0; i < 2000; i++) {
            snprintf(head, sizeof head, "X-%d: %0100d\r\n", i, i);
            send_all(fd, ssl, head, strlen(head));
        }
        send_all(fd, ssl, "\r\n", 2);
    } else if (!strcmp(path, "/missing")) {
        snprintf(head, sizeof head,
                 "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 5\r\n"
                 "Set-Cookie: a=b\r\n\r\nnope\n");
        send_all(fd, ssl, head, strlen(head));
    } else if (!strcmp(path, "/cut")) {
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort");
        send_all(fd, ssl, head, strlen(head));
    } else {
        static const char json[] = "{\"keys\":[1,2,3]}";
        snprintf(head, sizeof head,
                 "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 strlen(json), json);
        send_all(fd, ssl, head, strlen(head));
    }
}

static void serve(struct server *s, int fd)
{
    SSL *ssl = NULL;
    char path[1024] = "";
    size_t n = 0;

    if (s->tls) {
        ssl = SSL_new(s->tls);
        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) != 1)
            goto out;
    }
    for (;;) {
        size_t room = sizeof s->last - 1 - n;
        ssize_t k = ssl ? SSL_read(ssl, s->last + n, (int)room) : recv(fd, s->last + n, room, 0);
        if (k <= 0)
            goto out;
        n += (size_t)k;
        s->last[n] = '\0';
        const char *end = strstr(s->last, "\r\n\r\n"),
                   *length = strstr(s->last, "Content-Length: ");
        if (end && (!length || strlen(end + 4) >= (size_t)atoi(length + 16)))
            break;
    }
    sscanf(s->last, "%*s %1023s", path);
    atomic_fetch_add(&s->requests, 1);
    answer(fd, ssl, path);
out:
    if (ssl) {
        SSL_shutdown(ssl);
        SSL_free(ssl);
    }
    close(fd);
}

static void *serve_all(void *arg)
{
    struct server *s = arg;

    for (;;) {
        struct pollfd p[2] = {{.fd = s->fd, .events = POLLIN},
                              {.fd = s->stop[0], .events = POLLIN}};
        poll(p, 2, -1);
        if (p[1].revents)
            return NULL;
        int fd = accept(s->fd, NULL, NULL);
        if (fd >= 0)
            serve(s, fd);
    }
}

static void server_start(struct server *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;

    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&a, n), 0);
    ck_assert_int_eq(listen(s->fd, 128), 0);
    getsockname(s->fd, (struct sockaddr *)&a, &n);
    s->port = ntohs(a.sin_port);
    ck_assert_int_eq(pipe(s->stop), 0);
    ck_assert_int_eq(pthread_create(&s->thread, NULL, serve_all, s), 0);
}

static void server_stop(struct server *s)
{
    ck_assert_int_eq((int)write(s->stop[1], "", 1), 1);
    pthread_join(s->thread, NULL);
    close(s->fd);
    close(s->stop[0]);
    close(s->stop[1]);
    SSL_CTX_free(s->tls);
    s->tls = NULL;
}

/* A certificate for 127.0.0.1 that signs itself, written to a file for the client. */
static void make_certificate(char file[SCRATCH_BYTES], EVP_PKEY **ret_key, X509 **ret_cert)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509V3_CTX v3;

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509V3_set_ctx(&v3, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_nconf(NULL, &v3, "subjectAltName", "IP:127.0.0.1");
    X509_add_ext(cert, e, -1);
    X509_EXTENSION_free(e);
    X509_sign(cert, key, EVP_sha256());
    FILE *f = fdopen(scratch_file(file), "w");
    PEM_write_X509(f, cert);
    fclose(f);
    *ret_key = key;
    *ret_cert = cert;
}

#endif
