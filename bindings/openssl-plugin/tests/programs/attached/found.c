/* Contexts and connections as a language has them that hides OpenSSL's pointers: what is found is only compared with
   the program's own. usage: found THREADS ROUNDS MANY LIST KEYS STORE ROOT CERTIFICATE KEY */
#define _GNU_SOURCE
#include "attached.h"
#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>

static struct files files;
static struct contexts contexts;
static int rounds;
static pthread_barrier_t all;

static void must(int holds, const char *what) {
    if (!holds) fail(what);
}

static void find_objects(void) {
    char sentence[300];
    void *libssl = dlsym(RTLD_DEFAULT, "SSL_new"), *libm = dlsym(RTLD_DEFAULT, "cos");
    Dl_info of_ssl, of_m;
    must(dladdr(libssl, &of_ssl) != 0 && dladdr(libm, &of_m) != 0, "no objects");
    must(mecai_openssl_find_in("/no/such/object.so", sentence, sizeof sentence) == 30, "an object that is not loaded");
    printf("%s\n", sentence);
    must(mecai_openssl_find_in(of_m.dli_fname, sentence, sizeof sentence) == 30, "an object without OpenSSL");
    printf("%s\n", sentence);
    mecai_openssl_find_begin();
    SSL_CTX *plain = SSL_CTX_new(TLS_method());
    SSL *before = SSL_new(plain);
    must(mecai_openssl_find_made() == NULL, "made before anything is to be found");
    must(mecai_openssl_find_in(of_ssl.dli_fname, sentence, sizeof sentence) == 0, "libssl");
    printf("%s\n", sentence);
    must(mecai_openssl_find_made() == NULL, "made before");
    must(mecai_openssl_find_context(before) == plain, "the context of an older connection");
    SSL_free(before);
    SSL_CTX_free(plain);
    /* Again, and by others that use the same one. */
    must(mecai_openssl_find_in(of_ssl.dli_fname, NULL, 0) == 0 && mecai_openssl_find_in(NULL, NULL, 0) == 0, "again");
}

static void *make_one(void *argument) {
    (void)argument;
    SSL *ssl = SSL_new(contexts.client);
    must(mecai_openssl_find_made() == ssl, "a thread that has not begun has begun with its first");
    return ssl;
}

static void find_made(void) {
    mecai_openssl_find_begin();
    must(mecai_openssl_find_made() == NULL, "nothing was made");
    pthread_t thread;
    void *others = NULL;
    must(pthread_create(&thread, NULL, make_one, NULL) == 0 && pthread_join(thread, &others) == 0, "no thread");
    must(mecai_openssl_find_made() == NULL, "another thread's");
    SSL *one = SSL_new(contexts.client);
    must(mecai_openssl_find_made() == one && mecai_openssl_find_made() == one, "one");
    must(mecai_openssl_find_context(mecai_openssl_find_made()) == contexts.client, "its context");
    SSL_free(others);
    must(mecai_openssl_find_made() == one, "another one was freed");
    SSL *second = SSL_new(contexts.server);
    must(mecai_openssl_find_made() == NULL, "two");
    SSL_free(second);
    must(mecai_openssl_find_made() == NULL, "two, one of which is gone");
    mecai_openssl_find_begin();
    SSL_free(one);
    one = SSL_new(contexts.client);
    must(mecai_openssl_find_made() == one, "one anew");
    SSL_free(one);
    must(mecai_openssl_find_made() == NULL, "freed");
}

/* What the program holds for a connection. */
struct held {
    int seen;
};

static void look(const SSL *ssl, int where, int value) {
    (void)where;
    (void)value;
    struct held *held = SSL_get_app_data(ssl);
    if (held != NULL && mecai_openssl_find_by_data(held) == ssl) held->seen = 1;
}

static int accepted(const SSL *ssl) { return mecai_openssl_verdict_code(ssl) == 0x4D01; }

/* One handshake, whose client is found while it lasts and until it is freed. */
static void find_one(struct held *held, struct held *server) {
    struct pair pair = pair_new(contexts, HOST);
    SSL_set_app_data(pair.client, held);
    SSL_set_app_data(pair.server, server);
    SSL_set_info_callback(pair.client, look);
    held->seen = 0;
    must(mecai_openssl_find_by_data(held) == NULL, "found before the handshake");
    must(pair_handshake(pair) == 1, "refused");
    SSL *found = mecai_openssl_find_by_data(held);
    must(held->seen && found == pair.client, "not found");
    must(accepted(found), "not judged");
    must(mecai_openssl_find_by_data(server) == NULL, "a server");
    pair_free(pair);
    must(mecai_openssl_find_by_data(held) == NULL, "found after its end");
}

static void find_by_data(void) {
    struct held held, other, server;
    find_one(&held, &server);
    find_one(&held, &server);
    /* A later handshake of the same connection is found by the data of then. */
    struct pair pair = pair_new(contexts, HOST);
    SSL_set_app_data(pair.client, &held);
    must(pair_handshake(pair) == 1 && mecai_openssl_find_by_data(&held) == pair.client, "the first handshake");
    SSL_set_app_data(pair.client, &other);
    must(mecai_openssl_find_by_data(&held) == pair.client, "the data of its handshake");
    must(SSL_clear(pair.client) == 1 && SSL_clear(pair.server) == 1, "no second handshake");
    must(pair_handshake(pair) == 1, "the second handshake");
    must(mecai_openssl_find_by_data(&other) == pair.client && mecai_openssl_find_by_data(&held) == NULL, "other data");
    pair_free(pair);
    /* Without data, and in a context that nobody attends to. */
    must(mecai_openssl_find_by_data(NULL) == NULL, "no data");
    struct contexts plain = contexts_new(files);
    pair = pair_new(plain, HOST);
    SSL_set_app_data(pair.client, &held);
    must(pair_handshake(pair) == 1 && mecai_openssl_find_by_data(&held) == NULL, "a context without MECAI");
    pair_free(pair);
    contexts_free(plain);
}

static void find_in_child(void) {
    struct held held, server;
    struct pair pair = pair_new(contexts, HOST);
    SSL_set_app_data(pair.client, &held);
    must(pair_handshake(pair) == 1, "refused");
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        must_end();
        struct held own;
        must(mecai_openssl_find_by_data(&held) == pair.client && accepted(pair.client), "not found in a child");
        find_one(&own, &server);
        pair_free(pair);
        must(mecai_openssl_find_by_data(&held) == NULL, "found after its end in a child");
        contexts_free(contexts);
        exit(0);
    }
    int status = -1;
    must(waitpid(child, &status, 0) == child && status == 0, "the child ended badly");
    must(mecai_openssl_find_by_data(&held) == pair.client, "the child's end is none of ours");
    pair_free(pair);
}

static void *work(void *argument) {
    (void)argument;
    struct held held, server;
    pthread_barrier_wait(&all);
    for (int round = 0; round < rounds; round++) {
        mecai_openssl_find_begin();
        SSL *ssl = SSL_new(contexts.client);
        must(mecai_openssl_find_made() == ssl, "made by this thread");
        SSL_free(ssl);
        must(mecai_openssl_find_in(NULL, NULL, 0) == 0, "find_in");
        find_one(&held, &server);
    }
    return NULL;
}

static void find_in_threads(int threads) {
    pthread_t *started = calloc(threads, sizeof *started);
    pthread_barrier_init(&all, NULL, threads);
    for (int number = 0; number < threads; number++)
        must(pthread_create(&started[number], NULL, work, NULL) == 0, "no thread");
    for (int number = 0; number < threads; number++) pthread_join(started[number], NULL);
    pthread_barrier_destroy(&all);
    free(started);
}

/* So many connections at once, whose handshakes have begun. */
static void find_among(int many) {
    SSL **all_of_them = calloc(many, sizeof *all_of_them);
    struct held *held = calloc(many, sizeof *held);
    for (int number = 0; number < many; number++) {
        SSL *ssl = all_of_them[number] = SSL_new(contexts.client);
        BIO *bio = BIO_new(BIO_s_mem());
        must(ssl != NULL && bio != NULL, "no connection");
        SSL_set_bio(ssl, bio, bio);
        SSL_set_app_data(ssl, &held[number]);
        SSL_connect(ssl);
    }
    for (int number = 0; number < many; number++)
        must(mecai_openssl_find_by_data(&held[number]) == all_of_them[number], "not found among many");
    for (int number = 0; number < many; number += 2) SSL_free(all_of_them[number]);
    for (int number = 0; number < many; number++)
        must(mecai_openssl_find_by_data(&held[number]) == (number % 2 == 0 ? NULL : all_of_them[number]), "half of them");
    for (int number = 1; number < many; number += 2) SSL_free(all_of_them[number]);
    ERR_clear_error();
    free(held);
    free(all_of_them);
}

int main(int argc, char **argv) {
    if (argc != 10) return 2;
    must_end();
    rounds = atoi(argv[2]);
    files = files_of(argc, argv);
    find_objects();
    contexts = contexts_new(files);
    const char *client[] = {"authorities", argv[4], "authorities_keys", argv[5]};
    const char *server[] = {"role", "server", "vouchers", argv[6]};
    char sentence[512];
    if (mecai_openssl_attach(contexts.client, client, 4, sentence, sizeof sentence) != 0) fail(sentence);
    if (mecai_openssl_attach(contexts.server, server, 4, sentence, sizeof sentence) != 0) fail(sentence);
    find_made();
    find_by_data();
    find_in_child();
    find_in_threads(atoi(argv[1]));
    find_among(atoi(argv[3]));
    contexts_free(contexts);
    return 0;
}
