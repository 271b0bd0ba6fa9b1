/* "kit.h" beside <parley/kit.h>: a test may include either. */
#include <parley/kit.h>
