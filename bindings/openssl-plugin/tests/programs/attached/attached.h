/* The C functions, as docs/c-openssl.md has them. */
#include "../handshake.h"
#include <stdint.h>

uint32_t mecai_openssl_attach(SSL_CTX *context, const char *const *settings, size_t count, char *sentence, size_t size);
uint32_t mecai_openssl_set_mode(SSL *ssl, uint32_t mode);
uint32_t mecai_openssl_set_peer(SSL *ssl, const uint8_t *address, size_t length, uint16_t port);
uint32_t mecai_openssl_verdict(SSL *ssl, char *sentence, size_t size);
size_t mecai_openssl_verdict_json(SSL *ssl, char *text, size_t size);
uint32_t mecai_openssl_verdict_code(const SSL *ssl);
const char *mecai_openssl_code_str(uint32_t code);
uint32_t mecai_openssl_context_status(SSL_CTX *context, char *sentence, size_t size);
uint32_t mecai_openssl_status(char *sentence, size_t size);
const char *mecai_openssl_result_str(uint32_t result);
const char *mecai_openssl_version(void);
uint32_t mecai_openssl_find_in(const char *object, char *sentence, size_t size);
void mecai_openssl_find_begin(void);
SSL *mecai_openssl_find_made(void);
SSL_CTX *mecai_openssl_find_context(const SSL *ssl);
SSL *mecai_openssl_find_by_data(const void *data);

/* The settings up to the argument ".": returns how many there are. */
static inline size_t settings_of(char **arguments) {
    size_t count = 0;
    while (arguments[count] != NULL && strcmp(arguments[count], ".") != 0) count++;
    return count;
}
