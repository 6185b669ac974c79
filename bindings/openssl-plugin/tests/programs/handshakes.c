/* Many handshakes in memory, client and server with the module in one process: every fourth is resumed, every fourth
   offers the server another name. Prints how many of each kind were done, and by how many kB the process grew after the
   first tenth. usage: handshakes COUNT VERSION ROOT CERTIFICATE KEY */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOST "www.shop.example"

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
    int count = atoi(argv[1]), version = strcmp(argv[2], "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL);
    SSL_CTX *client = SSL_CTX_new(TLS_client_method()), *server = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_max_proto_version(client, version);
    SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(client, keep);
    if (!SSL_CTX_load_verify_locations(client, argv[3], NULL) || !SSL_CTX_use_certificate_chain_file(server, argv[4]) ||
        !SSL_CTX_use_PrivateKey_file(server, argv[5], SSL_FILETYPE_PEM))
        return 3;
    int accepted = 0, resumed = 0, refused = 0;
    long before = 0;
    for (int number = 0; number < count; number++) {
        if (number == count / 10) before = resident_kb();
        SSL *asks = SSL_new(client), *answers = SSL_new(server);
        BIO *one, *other;
        BIO_new_bio_pair(&one, 0, &other, 0);
        SSL_set_bio(asks, one, one);
        SSL_set_bio(answers, other, other);
        SSL_set_connect_state(asks);
        SSL_set_accept_state(answers);
        SSL_set1_host(asks, HOST);
        const char *name = number % 4 == 3 ? "elsewhere.example" : HOST;
        SSL_set_tlsext_host_name(asks, name);
        if (number % 4 == 2 && session != NULL) SSL_set_session(asks, session);
        int asked = 0, answered = 0;
        for (int turn = 0; turn < 10 && (asked != 1 || answered != 1); turn++) {
            if (asked != 1) asked = SSL_do_handshake(asks);
            if (answered != 1) answered = SSL_do_handshake(answers);
        }
        char octet;
        SSL_read(asks, &octet, 1); /* takes the tickets in */
        if (asked != 1) refused++;
        else if (SSL_session_reused(asks)) resumed++;
        else accepted++;
        SSL_shutdown(asks);
        SSL_shutdown(answers);
        SSL_free(asks);
        SSL_free(answers);
        ERR_clear_error();
    }
    printf("%d accepted, %d resumed, %d refused, grew %ld kB\n", accepted, resumed, refused, resident_kb() - before);
    SSL_SESSION_free(session);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    return 0;
}
