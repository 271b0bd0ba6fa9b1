/* Linked into the tests that tests/CMakeLists.txt does not call threaded, in the place of
 * pthread_create (ld --wrap): the thread sanitizer does not run them, so they may not start any. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument)
{
    fprintf(stderr,
            "%s starts a thread: name it in 'threaded' of tests/CMakeLists.txt, so that "
            "the thread sanitizer runs it\n",
            program_invocation_short_name);
    abort();
}
