/* A process that forks: parent and children go on handshaking, and end normally.
   usage: forks before|after|verifying|reading|looking ROOT CERTIFICATE KEY */
#include "slow.h"

#include "handshake.h"
#include <pthread.h>
#include <sys/wait.h>

#define CHILDREN 4

static struct files files;
static struct contexts contexts;

/* In the child, and in the parent meanwhile: with the contexts that both have, and with new ones. */
static void go_on(void) {
    if (contexts.client != NULL) handshakes(contexts, 3);
    struct contexts own = contexts_new(files);
    handshakes(own, 3);
    contexts_free(own);
}

static void fork_and_go_on(int children) {
    pid_t started[CHILDREN];
    for (int child = 0; child < children; child++) {
        started[child] = fork();
        if (started[child] < 0) fail("no child");
        if (started[child] == 0) {
            must_end();
            go_on();
            exit(0);
        }
    }
    if (children > 1) go_on();
    for (int child = 0; child < children; child++) {
        int status = -1;
        if (waitpid(started[child], &status, 0) != started[child] || status != 0) {
            fprintf(stderr, "a child ended with status %#x\n", status);
            _exit(1);
        }
    }
}

/* The program's own part of a verification. */
static int held_up(int ok, X509_STORE_CTX *store) {
    if (X509_STORE_CTX_get_error_depth(store) == 0 && slow_call != NULL) slow_point();
    return ok;
}

static void *other_thread(void *argument) {
    (void)argument;
    struct contexts own = contexts_new(files);
    SSL_CTX_set_verify(own.client, SSL_VERIFY_PEER, held_up);
    handshakes(own, 1);
    contexts_free(own);
    return NULL;
}

/* Forks while another thread is held up in the middle of something. The child has no such thread. */
static void fork_during(const char *what) {
    pthread_t thread;
    slow_prepare();
    slow_call = what;
    if (pthread_create(&thread, NULL, other_thread, NULL) != 0) fail("no thread");
    while (sem_wait(&slow_begun) != 0) {}
    fork_and_go_on(1);
    sem_post(&slow_may_end);
    pthread_join(thread, NULL);
    go_on();
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    must_end();
    files = files_of(argc, argv);
    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL);
    const char *when = argv[1];
    if (strcmp(when, "before") == 0) {
        fork_and_go_on(CHILDREN);
    } else if (strcmp(when, "after") == 0) {
        contexts = contexts_new(files);
        handshakes(contexts, 1);
        fork_and_go_on(CHILDREN);
        contexts_free(contexts);
    } else if (strcmp(when, "verifying") == 0) {
        fork_during("verify");
    } else if (strcmp(when, "reading") == 0) {
        fork_during("/list.json");
    } else if (strcmp(when, "looking") == 0) {
        fork_during("dlopen");
    } else {
        return 2;
    }
    return 0;
}
