/* Shared by pages*.c. */
#ifndef HTTP_PAGES_INTERNAL_H
#define HTTP_PAGES_INTERNAL_H
#include "http/pages.h"

struct metric;
struct web_page;
struct pages {
    struct pages_context context;
    char server_id[PAGES_ID_BYTES];
    struct web_page *web;   /* one an asset */
    struct metric **depths; /* one an actor */
    bool admin;             /* add_admin was called */
};
void page_header(struct http_request *q,
                 const char *line); /* borrowed as long as the daemon lives */
int page_text(struct http_request *q, int status, const char *text); /* likewise */
/* pages_web.c, pages_metrics.c, pages_verdicts.c: 0 or -Exxx */
int page_web_add(struct pages *p, struct http_routes *to);
void page_web_finish(struct pages *p);
int page_metrics_add(struct pages *p, struct http_routes *to, const char *role);
int page_verdicts_add(struct pages *p, struct http_routes *to, const char *role);
int page_status_add(struct pages *p, struct http_routes *to, const char *role);
int page_clients_add(struct pages *p, struct http_routes *to, const char *role);
int page_plugins_add(struct pages *p, struct http_routes *to, const char *role);
int page_log_add(struct pages *p, struct http_routes *to, const char *role);
/* What these keep is of the process, until the last pages are gone. */
int page_reload_add(struct pages *p, struct http_routes *to, const char *role);
void page_status_finish(void);
void page_reload_finish(void);
void page_log_finish(void);
/* A route below /admin/, of the admin listener alone. 0 or -Exxx */
int page_admin_add(struct pages *p, struct http_routes *to, enum http_method method,
                   const char *path, const char *role,
                   int (*serve)(struct http_request *q, void *context));
/* Runs a step of making an answer on another loop. -EINPROGRESS: it has the request now; 0: there
 * is no memory, and that was answered. */
int page_go_on(struct http_request *q, struct actor *to, void (*step)(void *arg), void *arg);
/* The same from within a step: if there is no memory, the request goes home with that. */
void page_next(struct http_request *q, struct actor *to, void (*step)(void *arg), void *arg);
void page_home(struct http_request *q); /* it is answered: to the loop that asked */
/* ,"key": before a value; the comma where one is needed. The key needs no escapes. */
void page_key(struct buf *b, const char *key);
void page_str(struct buf *b, const char *key, parley_str v); /* absent: null */
void page_int(struct buf *b, const char *key, int64_t v);
void page_bool(struct buf *b, const char *key, bool v);
/* Whether a header such as "br;q=0.5, gzip" takes the coding. */
bool page_accepts(parley_str header, const char *coding);
/* Whether If-None-Match names the tag (with its quotes), weakly compared. */
bool page_matches(parley_str header, const char *etag);
#endif
