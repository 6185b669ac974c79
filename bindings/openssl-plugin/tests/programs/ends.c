/* A process that unloads the module, or ends, while other threads are in handshakes.
   usage: ends unload|close|exit|exit-held|cleanup-held|quick-exit MODULE ROOT CERTIFICATE KEY */
#define _GNU_SOURCE
#include "slow.h"

#include "handshake.h"
#include <openssl/conf.h>
#include <pthread.h>

#define THREADS 4

static struct files files;
static _Atomic int begun, must_stop;

/* Handshakes until it is told to stop, with one context and with new ones. */
static void *live(void *argument) {
    (void)argument;
    struct contexts shared = contexts_new(files);
    while (!must_stop) {
        handshakes(shared, 1);
        struct contexts own = contexts_new(files);
        handshakes(own, 1);
        contexts_free(own);
        begun++;
    }
    contexts_free(shared);
    return NULL;
}

static int held_up(int ok, X509_STORE_CTX *store) {
    (void)store;
    slow_point();
    return ok;
}

/* Is in a handshake, and stays there. */
static void *held(void *argument) {
    (void)argument;
    struct contexts own = contexts_new(files);
    SSL_CTX_set_verify(own.client, SSL_VERIFY_PEER, held_up);
    handshakes(own, 1);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    must_end();
    files = files_of(argc, argv);
    const char *how = argv[1], *module = argv[2];
    /* With OpenSSL's own cleanup at exit, a thread that goes on crashes in OpenSSL, whatever is loaded. */
    int goes_on = strcmp(how, "exit") == 0;
    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG | (goes_on ? OPENSSL_INIT_NO_ATEXIT : 0), NULL);
    slow_prepare();
    int holds = strstr(how, "-held") != NULL;
    pthread_t threads[THREADS];
    for (int number = 0; number < THREADS; number++)
        if (pthread_create(&threads[number], NULL, holds ? held : live, NULL) != 0) fail("no thread");
    for (int number = 0; holds && number < THREADS; number++)
        while (sem_wait(&slow_begun) != 0) {}
    while (!holds && begun < THREADS) usleep(1000);
    if (strcmp(how, "unload") == 0) {
        for (int round = 0; round < 100; round++) {
            CONF_modules_unload(1);
            usleep(1000);
        }
    } else if (strcmp(how, "close") == 0) {
        for (int round = 0; round < 100; round++) {
            void *handle = dlopen(module, RTLD_NOW);
            if (handle == NULL) fail("the module cannot be opened");
            dlclose(handle);
            dlclose(handle); /* once more than it was opened */
            usleep(1000);
        }
    } else if (strcmp(how, "quick-exit") == 0) {
        quick_exit(0);
    } else if (strcmp(how, "cleanup-held") == 0) {
        OPENSSL_cleanup();
        return 0;
    } else {
        exit(0);
    }
    must_stop = 1;
    for (int number = 0; number < THREADS; number++) pthread_join(threads[number], NULL);
    return 0;
}
