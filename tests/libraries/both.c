/* A program of both libraries, and of OpenSSL: it says which it has, and asks after a connection that nobody judged. */
#include <mecai.h>
#include <mecai_openssl.h>
#include <stdio.h>

int main(void) {
    char sentence[256] = "";
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *connection = context == NULL ? NULL : SSL_new(context);
    uint32_t outcome = connection == NULL ? 1 : mecai_openssl_verdict(connection, sentence, sizeof sentence);

    SSL_free(connection);
    SSL_CTX_free(context);
    printf("libmecai %s, ABI %u\n", mecai_version(), (unsigned)mecai_abi_version());
    printf("libmecai_openssl %s, ABI %u\n", mecai_openssl_version(), (unsigned)MECAI_OPENSSL_ABI_VERSION);
    return outcome == 0 && sentence[0] != '\0' ? 0 : 1;
}
