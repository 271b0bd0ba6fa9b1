/* An IP address in 16 bytes: as text it would take 46, and it is kept for as long as a connection.
 *
 * IPv4 is ::ffff:a.b.c.d inside and a.b.c.d as text; all zero is an address that is not known,
 * whose text is empty. */
#ifndef BASE_IP_H
#define BASE_IP_H
#include <stdbool.h>
#include <stdint.h>

struct sockaddr_storage;
struct ip {
    uint8_t bytes[16];
};
#define IP_TEXT 46 /* bytes, the 0 included */

bool ip_parse(const char *text, struct ip *ret); /* false: it is none; *ret is untouched */
void ip_of_socket(const struct sockaddr_storage *from, struct ip *ret);
bool ip_is_v4(const struct ip *ip);
bool ip_same(const struct ip *a, const struct ip *b);
const char *ip_print(const struct ip *ip, char out[IP_TEXT]); /* out */
#define LOG_IP(key, ip) LOG_TEXT(key, ip_print(ip, (char[IP_TEXT]){0}))
#endif
