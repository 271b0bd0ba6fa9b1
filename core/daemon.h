/* The daemon as a whole: what main starts and stops. Control loop. */
#ifndef DAEMON_H
#define DAEMON_H
#include "config/settings.h"

/* Loads, starts and runs until SIGTERM or SIGINT. Exit status: 0 stopped in order, 1 bad
 * configuration (faults on stderr), 2 it could not start or go on (one sentence in the log: a port
 * in use, an unreadable key file). */
int daemon_run(const char *config_file);
/* Reads and checks, starts nothing. Prints "FILE: ok" and the chain to stdout, or every fault to
 * stderr. 0 or 1 */
int daemon_check_config(const char *config_file);
#endif
