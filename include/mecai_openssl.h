/* MECAI in a program's own OpenSSL. The API of libmecai_openssl.
 *
 * The library finds, when it is called, the OpenSSL that the context or connection is of: it links none, and
 * serves whichever the program has. Texts are UTF-8 and end with a NUL. */

#ifndef MECAI_OPENSSL_H
#define MECAI_OPENSSL_H

/* Made from the code: change that. */

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * The number of the ABI: it is in the library's SONAME, and changes only when a program that was built against an
 * earlier one could break.
 */
#define MECAI_OPENSSL_ABI_VERSION 0

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * What has been seen of the module in this process: 0 it is not installed, 1 it is installed, 2 it has judged a
 * handshake, 3 a program replaced its verify callback: a handshake went on without being judged, 4 its configuration
 * or the authority list cannot be used, 5 nothing can be known. Any thread may ask.
 *
 * A sentence that says more, which key is wrong, is written to `sentence`, which has room for `size` octets, with a NUL
 * at its end; what does not fit is cut off. NULL for no sentence.
 */
uint32_t mecai_openssl_status(char *sentence, size_t size);

/**
 * What became of the last handshake of a connection: 0 it was not judged, 1 it was refused, 2 it was let through without
 * enough vouchers, 3 it was exempt, 0x4D01 it was accepted. A resumed session has the outcome of the handshake that it
 * is of. To be asked by the thread that uses the connection.
 *
 * A sentence with the code and the values compared is written to `sentence` as by mecai_openssl_status.
 */
uint32_t mecai_openssl_verdict(SSL *ssl,
                               char *sentence,
                               size_t size);

/**
 * The version of the module, a static string that ends with a NUL.
 */
const char *mecai_openssl_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MECAI_OPENSSL_H */
