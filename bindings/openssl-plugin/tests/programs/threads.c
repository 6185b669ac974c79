/* Eight threads that handshake at once, in a process whose time runs fifty times as fast, so that the module looks at
   its files often. Prints how many handshakes there were. usage: threads COUNT ROOT CERTIFICATE KEY */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

#include "handshake.h"
#include <pthread.h>

#define THREADS 8

static struct contexts contexts;
static int count;

/* The module asks for the time here. */
int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*_Atomic next)(clockid_t, struct timespec *);
    static _Atomic time_t start[2];
    if (next == NULL) next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int done = next(clock, now);
    if (done != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)) return done;
    time_t before = start[clock];
    if (before == 0) start[clock] = before = now->tv_sec;
    long long passed = ((now->tv_sec - before) * 1000000000LL + now->tv_nsec) * 50;
    now->tv_sec = before + passed / 1000000000;
    now->tv_nsec = passed % 1000000000;
    return 0;
}

static void *thread(void *argument) {
    (void)argument;
    handshakes(contexts, count);
    struct contexts own = contexts_new(*(struct files *)argument);
    handshakes(own, 1);
    contexts_free(own);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    must_end();
    count = atoi(argv[1]);
    struct files files = files_of(argc, argv);
    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL);
    contexts = contexts_new(files);
    pthread_t threads[THREADS];
    for (int number = 0; number < THREADS; number++)
        if (pthread_create(&threads[number], NULL, thread, &files) != 0) fail("no thread");
    for (int number = 0; number < THREADS; number++) pthread_join(threads[number], NULL);
    contexts_free(contexts);
    printf("%d handshakes\n", THREADS * (count + 1) * 2);
    return 0;
}
