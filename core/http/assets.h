/*
 * The web pages that are built into the daemon.
 *
 * The build turns web/dist into one constant table (scripts/embed-assets.mjs), sorted by path as
 * strcmp() sorts. A build without web pages has an empty table. Nothing here ever changes or is
 * freed, so any loop may read it.
 */
#ifndef HTTP_ASSETS_H
#define HTTP_ASSETS_H

#include <stdbool.h>
#include <stddef.h>

struct asset {
    const char *path;          /* "/", "/admin.html", "/assets/index-B3x9.js" */
    const char *content_type;  /* with its charset where it is text */
    const char *etag;          /* with its quotes; of the body before gzip */
    const unsigned char *body; /* not a C string */
    size_t body_bytes;
    const unsigned char *gzip; /* the body by gzip -9; NULL where that would not be smaller */
    size_t gzip_bytes;
    bool immutable; /* its name carries its hash: may be kept for ever */
};

extern const struct asset assets[];
extern const size_t assets_count;

#endif
