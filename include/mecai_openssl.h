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

/**
 * The call did what it was asked for. It says nothing about any server.
 */
#define MECAI_OPENSSL_OK 0

/**
 * A pointer that must not be NULL is.
 */
#define MECAI_OPENSSL_ERR_NULL 10

/**
 * A number or a length is out of its range.
 */
#define MECAI_OPENSSL_ERR_ARGUMENT 11

/**
 * A key or a value is unknown, wrong, missing, or given twice. The sentence names the key.
 */
#define MECAI_OPENSSL_ERR_SETTINGS 20

/**
 * The file or directory that a key names cannot be used. The sentence names the key.
 */
#define MECAI_OPENSSL_ERR_FILE 21

/**
 * The OpenSSL that made the context, or that an object uses, cannot be found, or hides functions that are needed.
 */
#define MECAI_OPENSSL_ERR_HIDDEN 30

/**
 * The process has more OpenSSLs than MECAI serves.
 */
#define MECAI_OPENSSL_ERR_TOO_MANY 31

/**
 * OpenSSL refused: it has no memory, or the context has an extension of MECAI already, by a serverinfo file.
 */
#define MECAI_OPENSSL_ERR_OPENSSL 32

/**
 * The context has MECAI already, by an earlier call, by openssl.cnf, or by a serverinfo file.
 */
#define MECAI_OPENSSL_ERR_ALREADY_ATTACHED 40

/**
 * The connection's context has no MECAI.
 */
#define MECAI_OPENSSL_ERR_NOT_ATTACHED 41

/**
 * The handshake has begun.
 */
#define MECAI_OPENSSL_ERR_TOO_LATE 42

/**
 * The connection's context judges nobody: it has no authority list, or its settings could not be read.
 */
#define MECAI_OPENSSL_ERR_NO_CLIENT 43

/**
 * A defect of MECAI itself. Free the context or connection; use it for nothing else.
 */
#define MECAI_OPENSSL_ERR_PANIC 90

/**
 * The mode that the connection's context has.
 */
#define MECAI_OPENSSL_MODE_OF_CONTEXT 0

/**
 * Nothing is asked, judged or recorded, and a server shows no vouchers.
 */
#define MECAI_OPENSSL_MODE_OFF 1

/**
 * A server without enough vouchers is let through, and logged.
 */
#define MECAI_OPENSSL_MODE_OBSERVE 2

/**
 * A server without enough vouchers is let through unless it has promised to show them.
 */
#define MECAI_OPENSSL_MODE_OPPORTUNISTIC 3

/**
 * A server without enough vouchers is refused.
 */
#define MECAI_OPENSSL_MODE_REQUIRE 4

/**
 * The handshake was not judged.
 */
#define MECAI_OPENSSL_NOT_JUDGED 0

/**
 * It was refused.
 */
#define MECAI_OPENSSL_REFUSED 1

/**
 * It was let through without enough vouchers.
 */
#define MECAI_OPENSSL_UNVOUCHED 2

/**
 * It needed no vouchers.
 */
#define MECAI_OPENSSL_EXEMPT 3

/**
 * Enough operators have vouched.
 */
#define MECAI_OPENSSL_ACCEPTED 19713

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Puts MECAI into a context, as openssl.cnf would, without openssl.cnf: its clients ask for vouchers and judge them, its
 * servers show theirs.
 *
 * `settings` are `count` strings, key and value in turn: the keys of docs/module.md but for `path` and `except`, each at
 * most once. `mode` is `require` unless it is given. The strings are read during the call alone.
 *
 * Call it once per context, before the first SSL_new of it, and while the program still may read the files that the keys
 * name: before it changes its user or its root directory. Contexts with equal settings share what is read; this stays for
 * as long as the process lives, so do not make up new settings without end. The context is freed as ever.
 *
 * Gives 0 (MECAI_OPENSSL_OK), or an error MECAI_OPENSSL_ERR_… after which the context is as it was (or, where the sentence
 * says so, is to be freed). On either, a sentence is written to `sentence`, which has room for `size` octets, with a NUL at
 * its end; what does not fit is cut off. NULL for no sentence.
 *
 * Any number of threads may call this at once, each with a context that no other uses meanwhile.
 */
uint32_t mecai_openssl_attach(SSL_CTX *context,
                              const char *const *settings,
                              size_t count,
                              char *sentence,
                              size_t size);

/**
 * Has one connection judged in another mode than its context's: MECAI_OPENSSL_MODE_…, stricter or laxer;
 * MECAI_OPENSSL_MODE_OF_CONTEXT takes that back. A session that was judged in another mode is not resumed. It holds for
 * every handshake of this SSL from now on, and for those of SSL_dup. On a server only MECAI_OPENSSL_MODE_OFF changes
 * anything: no vouchers are shown.
 *
 * To be called before the handshake, by the thread that uses the connection; contexts that openssl.cnf has attended to
 * have it, too. Gives 0 or an error, after which the mode is as it was.
 */
uint32_t mecai_openssl_set_mode(SSL *ssl, uint32_t mode);

/**
 * Says where the server of one connection is, and which port is meant.
 *
 * `address` has `length` octets in network order: 4, 16, or none (NULL, 0) where the socket is to be asked, as without
 * this call. 0.0.0.0 or :: says that the address is unknown, whatever the socket says: behind a proxy. `port` is the port
 * that is meant, from the URL and not from the socket, in the host's order; vouchers must then be for it (`wrong_port`
 * otherwise). 0 states none, and then none is compared. A session that was judged for another port is not resumed. It
 * holds for every handshake of this SSL from now on, and for those of SSL_dup; each call says all of it anew.
 *
 * To be called before the handshake, by the thread that uses the connection. The octets are read during the call alone.
 * Gives 0 or an error, after which everything is as it was.
 */
uint32_t mecai_openssl_set_peer(SSL *ssl,
                                const uint8_t *address,
                                size_t length,
                                uint16_t port);

/**
 * What became of the last handshake of a connection: 0 it was not judged, 1 it was refused, 2 it was let through without
 * enough vouchers, 3 it was exempt, 0x4D01 it was accepted. A resumed session has the outcome of the handshake that it
 * is of. Any thread may ask, while nobody frees the connection. It speaks of the certificate; whether the handshake ended
 * well, OpenSSL says. Where another copy of MECAI in the process attends to the context, that one is asked, and the
 * sentence says so.
 *
 * A sentence with the code and the values compared is written to `sentence` as by mecai_openssl_status.
 */
uint32_t mecai_openssl_verdict(SSL *ssl,
                               char *sentence,
                               size_t size);

/**
 * The code of the same verdict, a number of docs/spec.md, section 13: 0x4D01 where it was accepted, why not otherwise; 0
 * where nothing was judged. Numbers never change. Any thread may ask, while nobody frees the connection.
 */
uint32_t mecai_openssl_verdict_code(const SSL *ssl);

/**
 * All that is known of the same verdict, as one JSON object (RFC 8259), in UTF-8. These members are always there, null where
 * there is nothing to say; more may come:
 *
 * - `outcome`: "accepted", "exempt", "unvouched", "refused" or "not_judged"; `code`: the word of the code, "not_judged" for
 *   none; `number`: its number, or 0; `sentence`: what mecai_openssl_verdict says;
 * - `name`: the name that was meant; `at`: when it was judged, in seconds since 1970; `resumed`: whether the session of an
 *   earlier handshake was resumed, of which only outcome, code and `until` are known;
 * - `operators`, `required`, `sent`: how many operators were counted, how many were required, how many endorsements came;
 *   `newest`: producedAt of the newest counted statement; `until`: the earliest notAfter of those counted; both in seconds
 *   since 1970; `stay_days`: the site's promise;
 * - `chain`: the ids of the operators that own a part of the verified chain, sorted, by the list of that time;
 * - `peer`: the address that was compared; `port`: the port that was stated; `notes`: the words of what decided nothing;
 *   `alarm`: whether vouchers came that do not belong there;
 * - `failover`: what came of the server's alternate: `used`, `code`, and `sentence`, why the server's own certificate or,
 *   if it was not used, the alternate fails;
 * - `bundles`: the bundles that the server sent, in base64; its alternate's, if that was used;
 * - `report`: the mismatch report that is due (docs/spec.md, section 10), whatever the keys `reports` and `state` say.
 *
 * `chain`, `peer`, `port`, `bundles` and `report` are kept only of handshakes after mecai_openssl_find_in.
 *
 * Written to `text`, which has room for `size` octets, with a NUL at its end; what does not fit is cut off. Gives how many
 * octets there are without the NUL, whatever the room; 0 only if MECAI has a defect. Any thread may ask, while nobody frees
 * the connection.
 */
size_t mecai_openssl_verdict_json(SSL *ssl,
                                  char *text,
                                  size_t size);

/**
 * The word of a code, such as "no_voucher": "not_judged" for 0, "unknown" for what is no code. Never NULL; a static string
 * that ends with a NUL and is not to be freed. Any thread may ask.
 */
const char *mecai_openssl_code_str(uint32_t code);

/**
 * What has been seen of a context: 0 it has no MECAI, 1 it is attached, 2 it has judged a handshake, 3 a program replaced
 * its verify callback: a handshake went on without being judged, 4 its settings or the authority list cannot be used: its
 * clients refuse, 6 a serverinfo file attends to it, or another copy of MECAI in this process that cannot be asked. (5 is of
 * mecai_openssl_status alone.) Contexts that openssl.cnf or another copy has attended to are told of, too; then the
 * sentence says so.
 *
 * A sentence that says more is written to `sentence` as by mecai_openssl_status. Any thread may ask, while nobody frees
 * the context.
 */
uint32_t mecai_openssl_context_status(SSL_CTX *context,
                                      char *sentence,
                                      size_t size);

/**
 * What has been seen of MECAI in this process, by openssl.cnf and by mecai_openssl_attach: 0 it is not installed, 1 it is
 * installed, 2 it has judged a handshake, 3 a program replaced its verify callback: a handshake went on without being
 * judged, 4 its configuration or the authority list cannot be used, 5 nothing can be known. Any thread may ask.
 *
 * A sentence that says more, which key is wrong, is written to `sentence`, which has room for `size` octets, with a NUL
 * at its end; what does not fit is cut off. NULL for no sentence.
 */
uint32_t mecai_openssl_status(char *sentence,
                              size_t size);

/**
 * One sentence for a result of these functions, never NULL; a static string that ends with a NUL and is not to be freed.
 * Any thread may ask.
 */
const char *mecai_openssl_result_str(uint32_t result);

/**
 * The version of the module, a static string that ends with a NUL and is not to be freed.
 */
const char *mecai_openssl_version(void);

/**
 * From now on, contexts and connections of one OpenSSL of the process can be found by the other mecai_openssl_find_…
 * calls, and its connections keep what the server sent for mecai_openssl_verdict_json. It is the OpenSSL whose functions
 * the loaded file `object` uses, which is named as it was loaded (the path of a language's own SSL module, or of libssl);
 * NULL is the program itself. Nothing is loaded.
 *
 * Call it before the first SSL_new that is to be found; a further call changes nothing. It attaches nothing: that remains
 * to mecai_openssl_attach. Other copies of MECAI that the process has by then are told, too.
 *
 * Gives 0 or an error, and a sentence, as mecai_openssl_attach does: MECAI_OPENSSL_ERR_HIDDEN where the object is not
 * loaded, where it uses no OpenSSL, or one that hides its functions. Any thread may call this.
 */
uint32_t mecai_openssl_find_in(const char *object,
                               char *sentence,
                               size_t size);

/**
 * From now on, mecai_openssl_find_made looks for what this thread makes.
 */
void mecai_openssl_find_begin(void);

/**
 * The connection that this thread has made (by SSL_new, in an OpenSSL that mecai_openssl_find_in knows) since it called
 * mecai_openssl_find_begin: NULL unless it was exactly one, and if this thread has freed it meanwhile. Where another
 * thread may have freed it, do not use it. It remains its owner's: SSL_free is not to be called.
 */
SSL *mecai_openssl_find_made(void);

/**
 * The context of a connection, as SSL_get_SSL_CTX gives it, for callers that do not link OpenSSL. NULL if `ssl` is NULL, or
 * of an OpenSSL in which MECAI neither is attached nor finds anything. It remains its owner's. To be asked by the thread
 * that uses the connection.
 */
SSL_CTX *mecai_openssl_find_context(const SSL *ssl);

/**
 * The client's connection whose application data (SSL_get_app_data) was `data` when its last handshake began, if its
 * context has MECAI: languages keep there the object that the program holds. NULL if there is none, or `data` is NULL.
 * Connections are found until they are freed, those alone whose handshakes began after mecai_openssl_find_in; also in a
 * child that the process has forked.
 *
 * `data` is only compared; that the object behind it is alive is up to the caller, since another one could have come to
 * its place. Any number of threads may ask at once. What is given remains its owner's, and is to be used by the thread
 * that uses the connection.
 */
SSL *mecai_openssl_find_by_data(const void *data);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MECAI_OPENSSL_H */
