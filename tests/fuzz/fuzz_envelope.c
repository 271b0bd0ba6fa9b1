/* Any bytes as a frame: the daemon's decision, by its own protocol and message types, and that of a
 * few lines over jansson must be one.
 *
 * The plugins are loaded from the build that the fuzzer belongs to. Corpus: frames of clients.
 */
#include "../unit/message/envelope_same.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct envelope envelope;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    envelope_open(&envelope, NULL);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned bounds[][2] = {{32, 2048}, {2, 6}};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        const char *problem =
            envelope_same(&envelope, (const char *)data, size, bounds[i][0], bounds[i][1], NULL);
        if (problem != NULL) {
            fprintf(stderr, "%s (depth %u, tokens %u)\n", problem, bounds[i][0], bounds[i][1]);
            abort();
        }
    }
    return 0;
}
