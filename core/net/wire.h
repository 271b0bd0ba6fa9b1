/* A client's socket, as the write pump sees it. Behind this stands libwebsockets, which only net/
 * and http/ know.
 *
 * Without TLS, and while lws holds nothing back, bytes go to the descriptor by send(2); on a short
 * send the rest of the current WebSocket frame is given to lws (raw, by LWS_WRITE_HTTP), so that
 * what lws adds (pongs, the close frame) never cuts into it. [pump]
 */
#ifndef NET_WIRE_H
#define NET_WIRE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct lws;
/* Sends whole WebSocket frames. Returns how many of the n bytes are on their way: always at a frame
 * boundary (a frame that went out in part is completed by lws). Fewer than n: the socket is full,
 * and client_writable will be called. -1: the connection is broken. */
ssize_t wire_send(struct lws *wsi, bool tls, const char *bytes, size_t n);
/* To a socket without TLS of which lws holds nothing back: how many of the n bytes it took, perhaps
 * in the middle of a frame; -1: broken. Fewer than n: wire_complete comes next. */
ssize_t wire_send_direct(int fd, const char *bytes, size_t n);
/* Gives lws the rest of the frame that `sent` bytes end in, and wants client_writable. Returns what
 * is on its way then, as wire_send does. */
ssize_t wire_complete(struct lws *wsi, const char *bytes, size_t n, size_t sent);
/* Without TLS: what is sent from now on gathers in the socket, until it is uncorked, it closes, a
 * packet is full, or 200 ms have passed. */
bool wire_cork(struct lws *wsi); /* true: it is corked */
void wire_uncork(struct lws *wsi);
bool wire_choked(struct lws *wsi); /* lws holds a tail: nothing may be sent past it */
void wire_want_writable(struct lws *wsi);
void wire_read(struct lws *wsi, bool on); /* read on, or let the peer wait */
/* The call of lws that upgraded it has returned: from now on its reader reads it, and true. False:
 * lws read on behind the request (whoever sends before he has his 101 breaks the standard), so what
 * comes stays its affair. */
bool wire_handshake_over(struct lws *wsi);
void wire_abort(struct lws *wsi); /* the connection is broken or hopeless: lws closes it from the
                                     loop, without a close frame */
/* The same at once: client_closed comes before it returns. From a watcher of our own only, never
 * within a call of lws. What waits to be closed stands in a list that lws walks for each: who can
 * be closed at once does not enter it. */
void wire_close_now(struct lws *wsi);
int wire_unsent(struct lws *wsi); /* bytes in the kernel's send queue, for the log; -1 unknown */
#endif
