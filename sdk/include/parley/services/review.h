/* <parley/services/review.h>: a moderator looks at it first; offered by the hub `review` to other plugins. */
#ifndef PARLEY_SERVICES_REVIEW_H
#define PARLEY_SERVICES_REVIEW_H
#include <parley/plugin.h>
#define PARLEY_REVIEW_1 "org.parley.review/1"
typedef struct { uint32_t struct_size;
    /* [hub] Of the message that your on_message judges; return what it returned. HOLD: a moderator decides, and if none does in
     * time, on_error of your section; FAIL: as many are held as may. section, rule: who says so, and why; copied. */
    parley_verdict (*hold)(parley_host *provider, parley_message *m, const char *section, const char *rule); } parley_review;
#endif
