/* The last line of the log of a process that crashes: which plugin's call it was in, if it was. */
#ifndef BASE_CRASH_H
#define BASE_CRASH_H

/* From now on SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT are told in one line ("crashed", with
 * section, hook and generation) before they do what they did. Once, from the main thread; before
 * other threads. */
void crash_watch(void);
/* The calling thread can tell even of a stack that overflowed; 0 or -ENOMEM. Undone by the other.
 */
int crash_thread_begin(void);
void crash_thread_end(void);
const char *crash_signal_name(int signal_number); /* "SIGSEGV"; "signal" for others */
#endif
