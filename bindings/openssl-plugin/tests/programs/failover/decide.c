/* decide KIND PORT NAME ROOTS: a client whose verify callback has its own mind. Prints how often it was asked about an end
   entity, what came of the handshake, and whether it sees then the certificate that it was asked about last.
   KIND is `accept`, `reject` (what operator 0 has issued, by an error that OpenSSL has for roots, too), `retry` (takes its
   time with each end entity that it sees for the first time), or `tolerate` (goes on whatever is wrong). */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

static const char *kind;
static int asked, known, last;
static X509 *seen[9];

static int decide(int ok, X509_STORE_CTX *store) {
    if (strcmp(kind, "tolerate") == 0)
        return 1;
    X509 *certificate = X509_STORE_CTX_get_current_cert(store);
    if (X509_STORE_CTX_get_error_depth(store) != 0 || certificate == NULL || !ok)
        return ok;
    asked++;
    int place = 0;
    while (place < known && X509_cmp(seen[place], certificate) != 0)
        place++;
    last = place;
    const int is_new = place == known;
    if (is_new && X509_up_ref(certificate))
        seen[known++] = certificate;
    char issuer[80] = "";
    X509_NAME_get_text_by_NID(X509_get_issuer_name(certificate), NID_commonName, issuer, sizeof issuer);
    if (strcmp(kind, "reject") == 0 && strcmp(issuer, "Root of operator 0") == 0) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
        return 0;
    }
#ifdef SSL_ERROR_WANT_RETRY_VERIFY
    if (strcmp(kind, "retry") == 0 && is_new)
        (void)SSL_set_retry_verify(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
#endif
    return ok;
}

int main(int count, char **words) {
    if (count != 5)
        return 2;
    kind = words[1];
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%s", words[2]);
    BIO *socket = BIO_new_connect(address);
    if (context == NULL || socket == NULL || SSL_CTX_load_verify_locations(context, words[4], NULL) != 1)
        return 1;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, decide);
    SSL *ssl = SSL_new(context);
    if (ssl == NULL || SSL_set_tlsext_host_name(ssl, words[3]) != 1 || BIO_do_connect(socket) != 1)
        return 1;
    SSL_set_bio(ssl, socket, socket);
    int done;
    for (int times = 0; (done = SSL_connect(ssl)) != 1 && times < 9; times++) {
#ifdef SSL_ERROR_WANT_RETRY_VERIFY
        if (SSL_get_error(ssl, done) == SSL_ERROR_WANT_RETRY_VERIFY)
            continue;
#endif
        break;
    }
    X509 *peer = SSL_get_peer_certificate(ssl);
    const char *which = peer == NULL || known == 0 ? "none" : X509_cmp(peer, seen[last]) == 0 ? "same" : "other";
    printf("asked %d, %s %ld, %s\n", asked, done == 1 ? "connected" : "refused", SSL_get_verify_result(ssl), which);
    X509_free(peer);
    while (known > 0)
        X509_free(seen[--known]);
    SSL_free(ssl);
    SSL_CTX_free(context);
    return 0;
}
