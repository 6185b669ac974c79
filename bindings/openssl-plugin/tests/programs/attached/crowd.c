/* Many contexts, attached by many threads at once with equal settings, every second with a handshake; then ALONE of
   them by one thread, twice, and some more in a child. Prints how many octets of the heap the last of them left behind.
   usage: crowd CONTEXTS THREADS ALONE LIST KEYS STORE ROOT CERTIFICATE KEY */
#include "attached.h"
#include <malloc.h>
#include <pthread.h>
#include <sys/wait.h>

static struct files files;
static const char *list, *keys, *store;
static int each;
static pthread_barrier_t all;

static void *work(void *argument) {
    (void)argument;
    const char *client[] = {"authorities", list, "authorities_keys", keys};
    const char *server[] = {"role", "server", "vouchers", store};
    pthread_barrier_wait(&all);
    for (int number = 0; number < each; number++) {
        struct contexts contexts = contexts_new(files);
        char sentence[512] = "";
        if (mecai_openssl_attach(contexts.client, client, 4, sentence, sizeof sentence) != 0) fail(sentence);
        if (mecai_openssl_attach(contexts.server, server, 4, sentence, sizeof sentence) != 0) fail(sentence);
        if (number % 2 == 0) handshake(contexts, number % 4 == 0);
        if (mecai_openssl_context_status(contexts.client, NULL, 0) != (number % 2 == 0 ? 2 : 1)) fail("status");
        contexts_free(contexts);
    }
    return NULL;
}

static void run(int contexts, int threads) {
    pthread_t *started = calloc(threads, sizeof *started);
    each = contexts / threads;
    pthread_barrier_init(&all, NULL, threads);
    for (int number = 0; number < threads; number++)
        if (pthread_create(&started[number], NULL, work, NULL) != 0) fail("no thread");
    for (int number = 0; number < threads; number++) pthread_join(started[number], NULL);
    pthread_barrier_destroy(&all);
    free(started);
}

int main(int argc, char **argv) {
    if (argc != 10) return 2;
    must_end();
    int contexts = atoi(argv[1]), threads = atoi(argv[2]), alone = atoi(argv[3]);
    list = argv[4];
    keys = argv[5];
    store = argv[6];
    files = files_of(argc, argv);
    /* All at once, in a process that has attached nothing yet; then one after the other, so that the heap can be read. */
    run(contexts, threads);
    run(alone, 1);
    long before = (long)mallinfo2().uordblks;
    run(alone, 1);
    printf("grew %ld octets\n", (long)mallinfo2().uordblks - before);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        must_end();
        run(16, 4);
        exit(0);
    }
    int status = -1;
    if (waitpid(child, &status, 0) != child || status != 0) fail("the child ended badly");
    return 0;
}
