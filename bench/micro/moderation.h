/* What one message costs in a moderation plugin. */
#ifndef MICRO_MODERATION_H
#define MICRO_MODERATION_H
#include <stddef.h>

void moderation_run(size_t repetitions);
#endif
