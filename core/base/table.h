/* uthash as the hub uses it. Include this instead of <uthash.h>.
 *
 * The hash is seeded, for keys come from strangers, who would otherwise choose those that collide;
 * and without memory an element is not added (its hh.tbl is NULL then), where uthash would end the
 * process.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H
#include "base/str.h"

#define HASH_FUNCTION(key, bytes, hash) \
    ((hash) = (unsigned)str_hash(str_n((const char *)(key), (bytes))))
#define HASH_NONFATAL_OOM            1
#define uthash_nonfatal_oom(element) ((void)(element))
#include <uthash.h>
#endif
