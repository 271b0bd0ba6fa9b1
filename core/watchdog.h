/* The last resort of a stop: a thread that ends the process when what must end does not (a plugin
 * that hangs). [control] */
#ifndef WATCHDOG_H
#define WATCHDOG_H
#include <stdint.h>

/* Ends the process with `exit_code` after so many ms, unless told otherwise before. Again: only the
 * time changes. */
void watchdog_arm(int64_t ms, int exit_code);
void watchdog_disarm(void); /* its thread ends; without one nothing happens */
#endif
