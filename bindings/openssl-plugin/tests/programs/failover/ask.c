/* ask PORT NAME VERSION NUMBER: a client without the module that sends an empty extension of this number, and prints in
   hexadecimal what the server answers to it; nothing if that is nothing. NAME may be empty. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add(SSL *ssl, unsigned number, unsigned context, const unsigned char **out, size_t *length, X509 *certificate,
               size_t place, int *alert, void *argument) {
    (void)ssl, (void)number, (void)context, (void)certificate, (void)place, (void)alert, (void)argument;
    *out = NULL;
    *length = 0;
    return 1;
}

static int parse(SSL *ssl, unsigned number, unsigned context, const unsigned char *octets, size_t length,
                 X509 *certificate, size_t place, int *alert, void *argument) {
    (void)ssl, (void)number, (void)context, (void)certificate, (void)place, (void)alert, (void)argument;
    for (size_t at = 0; at < length; at++)
        printf("%02x", octets[at]);
    return 1;
}

int main(int count, char **words) {
    if (count != 5)
        return 2;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    const unsigned messages = SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO | SSL_EXT_TLS1_3_CERTIFICATE;
    const int version = strcmp(words[3], "-tls1_2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%s", words[1]);
    BIO *socket = BIO_new_connect(address);
    if (context == NULL || socket == NULL
        || SSL_CTX_add_custom_ext(context, (unsigned)atoi(words[4]), messages, add, NULL, NULL, parse, NULL) != 1
        || SSL_CTX_set_min_proto_version(context, version) != 1 || SSL_CTX_set_max_proto_version(context, version) != 1)
        return 1;
    SSL *ssl = SSL_new(context);
    if (ssl == NULL || (words[2][0] != '\0' && SSL_set_tlsext_host_name(ssl, words[2]) != 1) || BIO_do_connect(socket) != 1)
        return 1;
    SSL_set_bio(ssl, socket, socket);
    const int done = SSL_connect(ssl);
    if (done != 1)
        ERR_print_errors_fp(stderr);
    SSL_free(ssl);
    SSL_CTX_free(context);
    return done == 1 ? 0 : 1;
}
