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
};
void page_header(struct http_request *q,
                 const char *line); /* borrowed as long as the daemon lives */
int page_text(struct http_request *q, int status, const char *text); /* likewise */
/* pages_web.c, pages_metrics.c, pages_verdicts.c: 0 or -Exxx */
int page_web_add(struct pages *p, struct http_routes *to);
void page_web_finish(struct pages *p);
int page_metrics_add(struct pages *p, struct http_routes *to, const char *role);
int page_verdicts_add(struct pages *p, struct http_routes *to, const char *role);
/* Whether a header such as "br;q=0.5, gzip" takes the coding. */
bool page_accepts(parley_str header, const char *coding);
/* Whether If-None-Match names the tag (with its quotes), weakly compared. */
bool page_matches(parley_str header, const char *etag);
#endif
