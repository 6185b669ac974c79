/* Holds one thread up inside the module: a call of the C library that the module makes comes to the program's own
   function of that name first. The program is linked with -rdynamic. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdarg.h>
#include <string.h>

/* What holds a thread up: the opening of a file whose name ends so, or the looking up of a library (`dlopen`). */
static const char *_Atomic slow_call;
static sem_t slow_begun, slow_may_end;

static inline void slow_prepare(void) {
    sem_init(&slow_begun, 0, 0);
    sem_init(&slow_may_end, 0, 0);
}

/* Only the first thread that comes here is held up. */
static inline void slow_point(void) {
    slow_call = NULL;
    sem_post(&slow_begun);
    while (sem_wait(&slow_may_end) != 0) {}
}

int open64(const char *path, int flags, ...) {
    static int (*_Atomic next)(const char *, int, ...);
    const char *slow = slow_call;
    size_t length = strlen(path), end = slow == NULL ? 0 : strlen(slow);
    if (slow != NULL && length >= end && strcmp(path + length - end, slow) == 0) slow_point();
    if (next == NULL) next = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
    va_list rest;
    va_start(rest, flags);
    int mode = flags & O_CREAT ? va_arg(rest, int) : 0;
    va_end(rest);
    return next(path, flags, mode);
}

void *dlopen(const char *path, int flags) {
    static void *(*_Atomic next)(const char *, int);
    const char *slow = slow_call;
    if (slow != NULL && strcmp(slow, "dlopen") == 0) slow_point();
    if (next == NULL) next = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
    return next(path, flags);
}
