/* What the validator says, line by line while it runs, or as one JSON object; and JUnit's XML. */
#ifndef REPORT_H
#define REPORT_H
#include "validate.h"

struct report {
    const char *file;
    const struct plugin *plugin; /* NULL: it cannot be loaded */
    uint64_t seed;
    bool json, has_title;
    json_t *cases;
    int counts[3];
};
void report_begin(struct report *r, const char *file, uint64_t seed, bool json);
void report_add(struct report *r, const struct check *c, const struct trial *t, const char *said);
/* @return the exit status */
int report_end(struct report *r, const char *junit_file);
#endif
