/* Any bytes as JSON: value_parse() and jansson must agree, in what they accept and what they read.
 *
 * Corpus: texts of JSON; a dictionary is not needed, the comparisons guide it well enough.
 */
#include "../unit/message/host_table.h"
#include "../unit/message/json_same.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* jansson's own bound is a depth of 2,048; the narrow ones are the daemon's, and a tight one.
     */
    static const unsigned bounds[][2] = {{2000, 1000000}, {32, 2048}, {3, 6}};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        const char *problem = json_same((const char *)data, size, bounds[i][0], bounds[i][1], NULL);
        if (problem != NULL) {
            fprintf(stderr, "%s (depth %u, tokens %u)\n", problem, bounds[i][0], bounds[i][1]);
            abort();
        }
    }
    return 0;
}
