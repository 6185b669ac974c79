/* Loads libraries that have an OpenSSL of their own, each in a thread, all at once; has each do a handshake and closes
   it, three times. usage: copies LIBRARY… ROOT CERTIFICATE KEY */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char **files;
static pthread_barrier_t all;

static void *load(void *path) {
    for (int round = 0; round < 3; round++) {
        pthread_barrier_wait(&all);
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        int (*run)(const char *, const char *, const char *) = library == NULL ? NULL : dlsym(library, "run");
        if (run == NULL || run(files[0], files[1], files[2]) != 1) {
            fprintf(stderr, "%s: %s\n", (char *)path, run == NULL ? dlerror() : "wrong");
            exit(1);
        }
        dlclose(library);
    }
    return NULL;
}

int main(int argc, char **argv) {
    alarm(300);
    int count = argc - 4;
    files = argv + argc - 3;
    pthread_t *threads = calloc(count, sizeof *threads);
    pthread_barrier_init(&all, NULL, count);
    for (int number = 0; number < count; number++)
        if (pthread_create(&threads[number], NULL, load, argv[1 + number]) != 0) return 2;
    for (int number = 0; number < count; number++) pthread_join(threads[number], NULL);
    free(threads);
    return 0;
}
