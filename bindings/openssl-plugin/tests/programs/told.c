/* A client that asks the module what it has seen. Prints the status before, and after each connection the verdict and
   the status; the second connection resumes the session of the first.
   usage: told MODULE ROOT ADDRESS HOST [own]   own: with a verify callback of its own */
#include <dlfcn.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

static SSL_SESSION *session;

static int keep(SSL *ssl, SSL_SESSION *fresh) {
    (void)ssl;
    SSL_SESSION_free(session);
    session = fresh;
    return 1;
}

static int own(X509_STORE_CTX *store, void *argument) {
    (void)argument;
    return X509_verify_cert(store);
}

int main(int argc, char **argv) {
    if (argc < 5) return 2;
    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL);
    void *module = dlopen(argv[1], RTLD_NOW);
    if (module == NULL) return 3;
    unsigned (*status)(char *, size_t) = (unsigned (*)(char *, size_t))dlsym(module, "mecai_openssl_status");
    unsigned (*verdict)(SSL *, char *, size_t) = (unsigned (*)(SSL *, char *, size_t))dlsym(module, "mecai_openssl_verdict");
    char sentence[1024], small[] = "xxxxxx";
    unsigned number = status(sentence, sizeof sentence);
    printf("status %u %s\n", number, sentence);
    /* No room, little room, no connection. */
    if (status(NULL, 9) != number || status(small, 0) != number || small[0] != 'x') return 4;
    if (status(small, 5) != number || strlen(small) != 4 || strncmp(small, sentence, 4) != 0 || small[5] != 'x') return 5;
    if (verdict(NULL, sentence, sizeof sentence) != 0 || strncmp(sentence, "not judged: ", 12) != 0) return 6;

    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_load_verify_locations(context, argv[2], NULL);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(context, keep);
    if (argc > 5) SSL_CTX_set_cert_verify_callback(context, own, NULL);
    for (int turn = 0; turn < 2; turn++) {
        BIO *bio = BIO_new_ssl_connect(context);
        SSL *ssl = NULL;
        BIO_get_ssl(bio, &ssl);
        SSL_set1_host(ssl, argv[4]);
        SSL_set_tlsext_host_name(ssl, argv[4]);
        if (session != NULL) SSL_set_session(ssl, session);
        BIO_set_conn_hostname(bio, argv[3]);
        int done = BIO_do_connect(bio) > 0 && BIO_do_handshake(bio) > 0;
        char octet;
        if (done && BIO_puts(bio, "GET / HTTP/1.0\r\n\r\n") > 0) BIO_read(bio, &octet, 1); /* takes the tickets in */
        number = verdict(ssl, sentence, sizeof sentence);
        printf("%s%s 0x%x %s\n", done ? "connected" : "failed", SSL_session_reused(ssl) ? " again" : "", number, sentence);
        number = status(sentence, sizeof sentence);
        printf("status %u %s\n", number, sentence);
        BIO_free_all(bio);
    }
    SSL_SESSION_free(session);
    SSL_CTX_free(context);
    return 0;
}
