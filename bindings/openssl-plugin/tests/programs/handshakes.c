/* Many handshakes in memory, client and server with the module in one process: every fourth is resumed, every fourth
   offers the server another name. Prints how many of each kind were done, and by how many kB the process grew after the
   first tenth. usage: handshakes COUNT VERSION ROOT CERTIFICATE KEY */
#include "handshake.h"

static SSL_SESSION *session;

static int keep(SSL *ssl, SSL_SESSION *fresh) {
    (void)ssl;
    SSL_SESSION_free(session);
    session = fresh;
    return 1;
}

static long resident_kb(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1) exit(4);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE) / 1024;
}

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    must_end();
    int count = atoi(argv[1]), version = strcmp(argv[2], "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL);
    struct contexts contexts = contexts_new(files_of(argc, argv));
    SSL_CTX_set_max_proto_version(contexts.client, version);
    SSL_CTX_set_session_cache_mode(contexts.client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(contexts.client, keep);
    int accepted = 0, resumed = 0, refused = 0;
    long before = 0;
    for (int number = 0; number < count; number++) {
        if (number == count / 10) before = resident_kb();
        struct pair pair = pair_new(contexts, number % 4 == 3 ? "elsewhere.example" : HOST);
        if (number % 4 == 2 && session != NULL) SSL_set_session(pair.client, session);
        if (!pair_handshake(pair)) refused++;
        else if (SSL_session_reused(pair.client)) resumed++;
        else accepted++;
        pair_free(pair);
    }
    printf("%d accepted, %d resumed, %d refused, grew %ld kB\n", accepted, resumed, refused, resident_kb() - before);
    SSL_SESSION_free(session);
    contexts_free(contexts);
    return 0;
}
