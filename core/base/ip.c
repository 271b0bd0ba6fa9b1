/* IP addresses, from the kernel and from text, and back to text. The address alone: no port, no
 * zone, so that equal bytes are the same address and have the same text. */
#include "base/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum { V4_AT = 12 };
static const uint8_t mapped[V4_AT] = {[10] = 0xff, [11] = 0xff};

static void of_v4(const void *v4, struct ip *ret)
{
    memcpy(ret->bytes, mapped, V4_AT);
    memcpy(ret->bytes + V4_AT, v4, sizeof ret->bytes - V4_AT);
}

bool ip_parse(const char *text, struct ip *ret)
{
    struct in6_addr v6;
    struct in_addr v4;

    if (inet_pton(AF_INET, text, &v4) == 1) {
        of_v4(&v4, ret);
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6) != 1)
        return false;
    memcpy(ret->bytes, &v6, sizeof ret->bytes);
    return true;
}

void ip_of_socket(const struct sockaddr_storage *from, struct ip *ret)
{
    *ret = (struct ip){0};
    if (from->ss_family == AF_INET)
        of_v4(&((const struct sockaddr_in *)from)->sin_addr, ret);
    else if (from->ss_family == AF_INET6)
        memcpy(ret->bytes, &((const struct sockaddr_in6 *)from)->sin6_addr, sizeof ret->bytes);
}

bool ip_is_v4(const struct ip *ip)
{
    return memcmp(ip->bytes, mapped, V4_AT) == 0;
}

bool ip_same(const struct ip *a, const struct ip *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

const char *ip_print(const struct ip *ip, char out[IP_TEXT])
{
    static const struct ip unknown;

    out[0] = 0;
    if (ip_is_v4(ip))
        inet_ntop(AF_INET, ip->bytes + V4_AT, out, IP_TEXT);
    else if (!ip_same(ip, &unknown))
        inet_ntop(AF_INET6, ip->bytes, out, IP_TEXT);
    return out;
}
