/* base64url without padding (RFC 4648, section 5), as JSON Web Tokens and keys are written. */
#ifndef JWT_BASE64URL_H
#define JWT_BASE64URL_H
#include <stddef.h>

/* free() the bytes, behind which stands a 0; no bytes are some too. NULL: the text is not what
 * encoding gives (a character that is none of the 64, padding, a digit too many, bits that belong
 * to no byte), or there is no memory. */
unsigned char *base64url_decode(const char *p, size_t n, size_t *ret_bytes);
#endif
