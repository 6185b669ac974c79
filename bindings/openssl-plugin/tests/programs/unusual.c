/* A client that does something unusual, and its server, in one process. Prints what came of it.
   usage: unusual retry|renegotiate|tolerant|later ROOT CERTIFICATE KEY */
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#define HOST "www.shop.example"

/* Has to think about the end entity for a while, which programs may from OpenSSL 3.0 on. */
static int think(int ok, X509_STORE_CTX *store) {
#ifdef SSL_ERROR_WANT_RETRY_VERIFY
    static int times;
    if (X509_STORE_CTX_get_error_depth(store) == 0 && times++ < 2)
        (void)SSL_set_retry_verify(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
#else
    (void)store;
#endif
    return ok;
}

/* Goes on whatever is wrong, and leaves the error where it is. */
static int tolerate(int ok, X509_STORE_CTX *store) {
    (void)ok, (void)store;
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    const char *kind = argv[1];
    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL);
    SSL_CTX *client = SSL_CTX_new(TLS_client_method()), *server = SSL_CTX_new(TLS_server_method());
    SSL_CTX_load_verify_locations(client, argv[2], NULL);
    if (!SSL_CTX_use_certificate_chain_file(server, argv[3]) ||
        !SSL_CTX_use_PrivateKey_file(server, argv[4], SSL_FILETYPE_PEM))
        return 3;
    int renegotiates = strcmp(kind, "renegotiate") == 0, later = strcmp(kind, "later") == 0;
    if (renegotiates) SSL_CTX_set_max_proto_version(client, TLS1_2_VERSION);
    else SSL_CTX_set_verify(client, SSL_VERIFY_PEER, later ? NULL : strcmp(kind, "retry") == 0 ? think : tolerate);
    if (later) {
        SSL_CTX_set_post_handshake_auth(client, 1);
        SSL_CTX_use_certificate_file(client, argv[3], SSL_FILETYPE_PEM);
        SSL_CTX_use_PrivateKey_file(client, argv[4], SSL_FILETYPE_PEM);
        SSL_CTX_load_verify_locations(server, argv[2], NULL);
    }
    SSL *asks = SSL_new(client), *answers = SSL_new(server);
    BIO *one, *other;
    BIO_new_bio_pair(&one, 0, &other, 0);
    SSL_set_bio(asks, one, one);
    SSL_set_bio(answers, other, other);
    SSL_set_connect_state(asks);
    SSL_set_accept_state(answers);
    SSL_set1_host(asks, HOST);
    SSL_set_tlsext_host_name(asks, HOST);
    int asked = 0, answered = 0;
    for (int turn = 0; turn < 20 && (asked != 1 || answered != 1); turn++) {
        if (asked != 1) asked = SSL_do_handshake(asks);
        if (answered != 1) answered = SSL_do_handshake(answers);
    }
    printf("%s %ld\n", asked == 1 ? "connected" : "refused", SSL_get_verify_result(asks));
    if (renegotiates && asked == 1) {
        char octet;
        SSL_renegotiate(answers);
        SSL_do_handshake(answers);
        for (int turn = 0; turn < 20 && (turn == 0 || SSL_renegotiate_pending(answers)); turn++)
            SSL_read(asks, &octet, 1), SSL_read(answers, &octet, 1);
        SSL_write(answers, "x", 1);
        printf("%s\n", SSL_read(asks, &octet, 1) == 1 ? "renegotiated" : "broken");
    }
    if (later && asked == 1) {
        char octet;
        SSL_set_verify(answers, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        if (!SSL_verify_client_post_handshake(answers)) return 4;
        SSL_do_handshake(answers);
        SSL_read(asks, &octet, 1);
        SSL_read(answers, &octet, 1);
        SSL_write(answers, "x", 1);
        X509 *shown = SSL_get_peer_certificate(answers);
        printf("%s %ld\n", SSL_read(asks, &octet, 1) == 1 && shown != NULL ? "asked later" : "broken",
               SSL_get_verify_result(answers));
        X509_free(shown);
    }
    return 0;
}
