/* Looks at certificate and key before lws does, whose own words about them do not name the fault.
 *
 * OpenSSL is never let ask for a passphrase: a daemon has nobody to ask.
 */
#include "net/conn.h"

#include <ctype.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

static int no_passphrase(char *buf, int size, int writing, void *data)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)data;
    return 0;
}

static bool can_read(const char *what, const char *path, char why[256])
{
    char byte, words[128];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, &byte, 1);
    int error = errno;

    if (fd >= 0)
        close(fd);
    if (n > 0)
        return true;
    if (n == 0) {
        snprintf(why, 256, "cannot use %s %s: the file is empty", what, path);
        return false;
    }
    snprintf(words, sizeof words, "%s", strerrordesc_np(error));
    words[0] = (char)tolower((unsigned char)words[0]);
    snprintf(why, 256, "cannot read %s %.100s: %s", what, path, words);
    return false;
}

int tls_check(const char *certificate, const char *key, char why[256])
{
    SSL_CTX *x;
    int r = -EINVAL;

    if (!certificate || !key) {
        snprintf(why, 256, "tls_certificate and tls_key must be given together");
        return -EINVAL;
    }
    if (!can_read("tls_certificate", certificate, why) || !can_read("tls_key", key, why))
        return -EINVAL;
    x = SSL_CTX_new(TLS_server_method());
    if (!x) {
        snprintf(why, 256, "cannot use TLS: out of memory");
        return -EINVAL;
    }
    SSL_CTX_set_default_passwd_cb(x, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(x, certificate) != 1)
        snprintf(why, 256, "cannot use tls_certificate %.150s: it is no certificate in PEM format",
                 certificate);
    else if (SSL_CTX_use_PrivateKey_file(x, key, SSL_FILETYPE_PEM) == 1)
        r = 0;
    else if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH ||
             ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_TYPE_MISMATCH)
        snprintf(why, 256, "tls_key %.100s does not belong to tls_certificate %.100s", key,
                 certificate);
    else
        snprintf(why, 256,
                 "cannot use tls_key %.150s: it is no private key in PEM format without passphrase",
                 key);
    if (!r && SSL_CTX_check_private_key(x) != 1) {
        snprintf(why, 256, "tls_key %.100s does not belong to tls_certificate %.100s", key,
                 certificate);
        r = -EINVAL;
    }
    ERR_clear_error();
    SSL_CTX_free(x);
    return r;
}
