/* A client and a server in one process, which talk through memory. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOST "www.shop.example"

/* A certificate that a client trusts, and a server's certificate and key. */
struct files {
    const char *root, *certificate, *key;
};

struct contexts {
    SSL_CTX *client, *server;
};

struct pair {
    SSL *client, *server;
};

/* A program that hangs ends with a signal. */
static inline void must_end(void) { alarm(300); }

static inline void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    ERR_print_errors_fp(stderr);
    _exit(1);
}

/* The last three arguments. */
static inline struct files files_of(int argc, char **argv) {
    return (struct files){argv[argc - 3], argv[argc - 2], argv[argc - 1]};
}

static inline struct contexts contexts_new(struct files files) {
    struct contexts made = {SSL_CTX_new(TLS_client_method()), SSL_CTX_new(TLS_server_method())};
    if (made.client == NULL || made.server == NULL || !SSL_CTX_load_verify_locations(made.client, files.root, NULL) ||
        SSL_CTX_use_certificate_chain_file(made.server, files.certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(made.server, files.key, SSL_FILETYPE_PEM) != 1)
        fail("no contexts");
    SSL_CTX_set_verify(made.client, SSL_VERIFY_PEER, NULL);
    return made;
}

static inline void contexts_free(struct contexts contexts) {
    SSL_CTX_free(contexts.client);
    SSL_CTX_free(contexts.server);
}

/* A client that means HOST and asks for `name`. */
static inline struct pair pair_new(struct contexts contexts, const char *name) {
    struct pair pair = {SSL_new(contexts.client), SSL_new(contexts.server)};
    BIO *one, *other;
    if (pair.client == NULL || pair.server == NULL || BIO_new_bio_pair(&one, 0, &other, 0) != 1) fail("no pair");
    SSL_set_bio(pair.client, one, one);
    SSL_set_bio(pair.server, other, other);
    SSL_set_connect_state(pair.client);
    SSL_set_accept_state(pair.server);
    SSL_set1_host(pair.client, HOST);
    SSL_set_tlsext_host_name(pair.client, name);
    return pair;
}

/* Takes turns until both are done or neither gets on; 1 if the client is done. */
static inline int pair_handshake(struct pair pair) {
    int asked = 0, answered = 0;
    for (int turn = 0; turn < 20 && (asked != 1 || answered != 1); turn++) {
        if (asked != 1) asked = SSL_do_handshake(pair.client);
        if (answered != 1) answered = SSL_do_handshake(pair.server);
    }
    char octet;
    if (asked == 1) SSL_read(pair.client, &octet, 1); /* takes the tickets in */
    return asked == 1;
}

static inline void pair_free(struct pair pair) {
    SSL_shutdown(pair.client);
    SSL_shutdown(pair.server);
    SSL_free(pair.client);
    SSL_free(pair.server);
    ERR_clear_error();
}

/* One handshake: what has vouchers must be accepted, what has none must not. */
static inline void handshake(struct contexts contexts, int has_vouchers) {
    struct pair pair = pair_new(contexts, has_vouchers ? HOST : "elsewhere.example");
    if (pair_handshake(pair) != has_vouchers) fail(has_vouchers ? "refused what has vouchers" : "accepted what has none");
    pair_free(pair);
}

static inline void handshakes(struct contexts contexts, int count) {
    for (int number = 0; number < count; number++) {
        handshake(contexts, 1);
        handshake(contexts, 0);
    }
}
