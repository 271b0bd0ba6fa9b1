/* Found before check's own header by the test programs, which it is included in. check writes to a
 * file at every assertion that holds, so that it can say after which one a test crashed; in loops
 * that took longer than what was tested. Here an assertion writes when it is reached for the first
 * time in its process: a crash is still reported with the newest place that the test had come to.
 */
#ifndef PARLEY_TESTS_QUICK_CHECK_H
#define PARLEY_TESTS_QUICK_CHECK_H

#include_next <check.h>

#define _mark_point(file, line)                                      \
    ({                                                               \
        static char mark_point_seen;                                 \
        if (!__atomic_load_n(&mark_point_seen, __ATOMIC_RELAXED)) {  \
            __atomic_store_n(&mark_point_seen, 1, __ATOMIC_RELAXED); \
            (_mark_point)(file, line);                               \
        }                                                            \
    })

#endif
