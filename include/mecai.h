/* MECAI: certificates that other Certificate Authorities vouch for. The API of libmecai.
 *
 * Handles are checked: one that was freed, or is of another type, gives MECAI_ERR_HANDLE or
 * MECAI_ERR_HANDLE_TYPE. Views (mecai_bytes) are not: they end with the handle that they came from.
 * A handle may be freed while other threads use it; each type says how many threads may use its handles at
 * once. At most 4096 threads may make handles, and none that is ending. A number comes again after a thousand
 * million objects have had its place.
 *
 * Every function that can fail gives a mecai_result, and takes as its last argument a place for an error,
 * which may be NULL: it receives an error, the caller's to free with mecai_error_free, or NULL. A buffer is
 * followed by its length, and NULL of length 0 is an empty one. Texts end with a NUL and are UTF-8. Places for what a
 * function gives are written to only when it has worked; but an outcome says refused from the beginning. */

#ifndef MECAI_H
#define MECAI_H

/* Made from the code: change that. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * The TLS extension mecai_vouchers: empty in the ClientHello, answered by bundles.
 */
#define MECAI_EXTENSION_VOUCHERS 65357

/**
 * mecai_alternate: empty in the ClientHello, answered by a second certificate and its bundles.
 */
#define MECAI_EXTENSION_ALTERNATE 65358

/**
 * mecai_staged: sent by authorities only, answered by the server's next certificates.
 */
#define MECAI_EXTENSION_STAGED 65359

/**
 * mecai_candidates: the authorities of the picked operators, where a client discloses them; not answered.
 */
#define MECAI_EXTENSION_CANDIDATES 65360

/**
 * An authority's algorithm is not known to this library: it can endorse nothing.
 */
#define MECAI_ALGORITHM_UNKNOWN 0

/**
 * ECDSA on P-256 with SHA-256.
 */
#define MECAI_ALGORITHM_P256 1

/**
 * ECDSA on P-384 with SHA-384.
 */
#define MECAI_ALGORITHM_P384 2

/**
 * Ed25519.
 */
#define MECAI_ALGORITHM_ED25519 3

/**
 * The authority's revocation check rests on an OCSP response.
 */
#define MECAI_EVIDENCE_OCSP 1

/**
 * It rests on a CRL.
 */
#define MECAI_EVIDENCE_CRL 2

/**
 * The certificate lives so short that it needs none.
 */
#define MECAI_EVIDENCE_SHORT_LIVED 3

/**
 * The program's own verification refused the chain. So it is with a new handshake.
 */
#define MECAI_OWN_REFUSED 0

/**
 * It refused the chain because this leads to no root that it trusts: the alternate may still be accepted.
 */
#define MECAI_OWN_NO_TRUSTED_ROOT 1

/**
 * It accepted the chain by a DANE match: the handshake is exempt.
 */
#define MECAI_OWN_DANE 2

/**
 * The most names that mecai_handshake_add_reference takes.
 */
#define MECAI_REFERENCES_MAX 16

/**
 * A handshake that misses the rules is let through: outcome MECAI_UNVOUCHED.
 */
#define MECAI_MODE_OBSERVE 2

/**
 * It is refused where the host is remembered to have promised vouchers, and let through elsewhere.
 */
#define MECAI_MODE_OPPORTUNISTIC 3

/**
 * It is refused. The mode of a new builder.
 */
#define MECAI_MODE_REQUIRE 4

/**
 * A peer at an address that no counted authority saw is a note. The rule of a new builder.
 */
#define MECAI_ADDRESSES_NOTE 1

/**
 * It is refused; so is a peer whose address is not known.
 */
#define MECAI_ADDRESSES_REQUIRE 2

/**
 * Addresses are not compared.
 */
#define MECAI_ADDRESSES_IGNORE 3

/**
 * The most octets of an endorsement: of an answer's body the program reads at most one octet more.
 */
#define MECAI_ENDORSEMENT_MAX 8192

/**
 * TLS from the first octet. The protocol of a new builder.
 */
#define MECAI_PROTOCOL_TLS 0

/**
 * SMTP with STARTTLS.
 */
#define MECAI_PROTOCOL_SMTP 1

/**
 * IMAP with STARTTLS.
 */
#define MECAI_PROTOCOL_IMAP 2

/**
 * POP3 with STLS.
 */
#define MECAI_PROTOCOL_POP3 3

/**
 * PostgreSQL's SSLRequest.
 */
#define MECAI_PROTOCOL_POSTGRES 4

/**
 * The call worked.
 */
#define MECAI_OK 0

/**
 * A pointer is NULL that must not be.
 */
#define MECAI_ERR_NULL 1

/**
 * A handle was freed, or never was one.
 */
#define MECAI_ERR_HANDLE 2

/**
 * A handle is of another type.
 */
#define MECAI_ERR_HANDLE_TYPE 3

/**
 * Another thread uses a handle that must be used by one at a time, or there are too many handles.
 */
#define MECAI_ERR_BUSY 4

/**
 * The library has failed inside. The receiver of the call may only be freed.
 */
#define MECAI_ERR_PANIC 5

/**
 * This build of the library does not have the function.
 */
#define MECAI_ERR_UNSUPPORTED 6

/**
 * A text is not UTF-8.
 */
#define MECAI_ERR_NOT_UTF8 10

/**
 * A buffer is longer than it can be, or has not the length that it must have.
 */
#define MECAI_ERR_LENGTH 11

/**
 * An index is beyond the last element.
 */
#define MECAI_ERR_INDEX 12

/**
 * A number or a text is none of those allowed.
 */
#define MECAI_ERR_VALUE 13

/**
 * Something that has to be set first is not.
 */
#define MECAI_ERR_MISSING 14

/**
 * There is nothing of what was asked for.
 */
#define MECAI_ERR_NONE 15

/**
 * Octets are not strict DER, or break a rule of their structure.
 */
#define MECAI_ERR_MALFORMED 100

/**
 * A statement has a version other than 1.
 */
#define MECAI_ERR_UNKNOWN_VERSION 101

/**
 * A statement lives longer than it may.
 */
#define MECAI_ERR_TOO_LONG_LIVED 102

/**
 * An answer to a TLS extension breaks its syntax, or is too large.
 */
#define MECAI_ERR_ANSWER 103

/**
 * A chain cannot be read.
 */
#define MECAI_ERR_CHAIN 104

/**
 * The authority list is not there.
 */
#define MECAI_ERR_LIST_MISSING 120

/**
 * The authority list is malformed.
 */
#define MECAI_ERR_LIST_MALFORMED 121

/**
 * Not enough of the configured keys have signed the authority list.
 */
#define MECAI_ERR_LIST_UNSIGNED 122

/**
 * The authority list is older than one that was used before.
 */
#define MECAI_ERR_LIST_ROLLED_BACK 123

/**
 * A file or directory of the store cannot be used.
 */
#define MECAI_ERR_STORE 140

/**
 * A file or directory of the state cannot be used.
 */
#define MECAI_ERR_STATE 141

/**
 * A mismatch report cannot be read.
 */
#define MECAI_ERR_REPORT 160

/**
 * An authority did not vouch: the error's code says why.
 */
#define MECAI_ERR_NOT_VOUCHED 180

/**
 * The verdict has no promise.
 */
#define MECAI_PROMISE_NONE 0

/**
 * The promise is kept in mind.
 */
#define MECAI_PROMISE_KEPT 1

/**
 * An earlier promise was taken back.
 */
#define MECAI_PROMISE_TAKEN_BACK 2

/**
 * An equally new or newer one is kept already, or there was nothing to take back.
 */
#define MECAI_PROMISE_UNCHANGED 3

/**
 * 64 other hosts of the domain are remembered: it is not kept.
 */
#define MECAI_PROMISE_NO_PLACE 4

/**
 * The report was written.
 */
#define MECAI_SPOOLED_WRITTEN 1

/**
 * The same event was recorded before.
 */
#define MECAI_SPOOLED_KNOWN 2

/**
 * There is no place for it: it is not kept.
 */
#define MECAI_SPOOLED_FULL 3

/**
 * The handshake must end.
 */
#define MECAI_REFUSED 1

/**
 * The rules were missed, and the mode lets it through.
 */
#define MECAI_UNVOUCHED 2

/**
 * It was not judged, by configuration.
 */
#define MECAI_EXEMPT 3

/**
 * Enough operators of the pick have vouched. A number that neither zeroed nor forgotten memory holds.
 */
#define MECAI_ACCEPTED 19713

/**
 * The peer's address is not known, so it was not compared.
 */
#define MECAI_NOTE_PEER_UNKNOWN 1

/**
 * The caller stated no port, so it was not compared.
 */
#define MECAI_NOTE_PORT_NOT_COMPARED 2

/**
 * No counted authority saw the peer's address.
 */
#define MECAI_NOTE_ADDRESS_NOT_SEEN 4

/**
 * The configured region is too small and was not applied.
 */
#define MECAI_NOTE_REGION_WIDENED 8

/**
 * There is no secret: the rule of the majority took the place of the pick.
 */
#define MECAI_NOTE_NO_SECRET 16

/**
 * The host that is vouched for: text.
 */
#define MECAI_VALUE_STATED_HOST 1

/**
 * The host that the program meant: text.
 */
#define MECAI_VALUE_MEANT_HOST 2

/**
 * The certificate that is vouched for: its SHA-256, 32 octets.
 */
#define MECAI_VALUE_STATED_CERTIFICATE 3

/**
 * The certificate that the server showed: its SHA-256, 32 octets.
 */
#define MECAI_VALUE_SHOWN_CERTIFICATE 4

/**
 * The SPKI hash of the chain's trust anchor: 32 octets.
 */
#define MECAI_VALUE_ANCHOR 5

/**
 * The authority that endorsed: its id, 8 octets.
 */
#define MECAI_VALUE_AUTHORITY 6

/**
 * The operator that endorsed and owns a part of the chain: its id, text.
 */
#define MECAI_VALUE_OPERATOR 7

/**
 * The peer's address: 4 or 16 octets.
 */
#define MECAI_VALUE_PEER 8

/**
 * The name that the pick was drawn for and that the host is remembered by: text. Of every verdict on a handshake that
 * named a server.
 */
#define MECAI_VALUE_NAME 9

/**
 * The port that is vouched for.
 */
#define MECAI_NUMBER_STATED_PORT 1

/**
 * The port that the program meant.
 */
#define MECAI_NUMBER_MEANT_PORT 2

/**
 * When the statement, or the list, was made (seconds since 1970).
 */
#define MECAI_NUMBER_MADE 3

/**
 * The last second of the voucher, the list or the authority (seconds since 1970).
 */
#define MECAI_NUMBER_ENDS 4

/**
 * The first second of the authority (seconds since 1970).
 */
#define MECAI_NUMBER_BEGINS 5

/**
 * The time that it was compared with (seconds since 1970).
 */
#define MECAI_NUMBER_NOW 6

/**
 * Operators whose endorsements were counted.
 */
#define MECAI_NUMBER_OPERATORS 7

/**
 * Operators whose endorsements were required.
 */
#define MECAI_NUMBER_REQUIRED 8

/**
 * Endorsements that the server sent.
 */
#define MECAI_NUMBER_SENT 9

/**
 * Until when a session of an accepted handshake may be resumed (seconds since 1970).
 */
#define MECAI_NUMBER_UNTIL 10

/**
 * The days for which the host promised to go on showing vouchers.
 */
#define MECAI_NUMBER_STAY_DAYS 11

/**
 * When it promised that (seconds since 1970).
 */
#define MECAI_NUMBER_STAY_MADE 12

/**
 * The alternate was not looked at.
 */
#define MECAI_FAILOVER_NONE 0

/**
 * It is what was accepted; the code says why the server's own certificate failed.
 */
#define MECAI_FAILOVER_USED 1

/**
 * It failed, too, with this code.
 */
#define MECAI_FAILOVER_FAILED 2

/**
 * The number of the ABI: it is in the library's SONAME, and changes only when a program that was built against an
 * earlier one could break.
 */
#define MECAI_ABI_VERSION 0

/**
 * A second certificate that a server has offered, and what the program's own verification said of it. Any number of
 * threads may look into it at once; what it is told, by one thread at a time.
 */
typedef struct mecai_alternate mecai_alternate;

/**
 * What a server answers to one of the extensions, or what a client says in MECAI_EXTENSION_CANDIDATES. Of what stands
 * in it nothing is verified but the syntax. An answer does not change; any number of threads may use it at once.
 */
typedef struct mecai_answer mecai_answer;

/**
 * The operators, their CA keys and their authorities. A list does not change; any number of threads may use it at once.
 */
typedef struct mecai_authority_list mecai_authority_list;

/**
 * The pauses before further questions to one authority: doubled with each failure, halved at random, never shorter
 * than the authority asked for. Used by one thread at a time.
 */
typedef struct mecai_backoff mecai_backoff;

/**
 * A statement with its endorsements. Nobody has verified their signatures. A bundle does not change; any number of
 * threads may use it at once.
 */
typedef struct mecai_bundle mecai_bundle;

/**
 * The SHA-256 of certificates, ascending. They do not change; any number of threads may use them at once.
 */
typedef struct mecai_digests mecai_digests;

/**
 * Why a call failed: the result, and a sentence with the values compared. It does not change; any number of threads may
 * use it at once.
 */
typedef struct mecai_error mecai_error;

/**
 * What a handshake showed, as far as it is known. Used by one thread at a time.
 */
typedef struct mecai_handshake mecai_handshake;

/**
 * What a client demands of a handshake. A policy does not change; any number of threads may use it at once.
 */
typedef struct mecai_policy mecai_policy;

/**
 * A policy while it is put together. Used by one thread at a time.
 */
typedef struct mecai_policy_builder mecai_policy_builder;

/**
 * What a client tells of a handshake that was attacked, or seems so: never who it is, nor whom it picked. A report
 * does not change; any number of threads may use it at once.
 */
typedef struct mecai_report mecai_report;

/**
 * One statement, and a question to each authority that can vouch for it. The program sends the questions and gives the
 * answers, each once. Used by one thread at a time: who asks from several threads reads the questions first.
 */
typedef struct mecai_request mecai_request;

/**
 * A request while it is put together. Used by one thread at a time.
 */
typedef struct mecai_request_builder mecai_request_builder;

/**
 * A user's directory, with the secret of the picks, the highest sequence of a list, the hosts that promised to go on
 * showing vouchers, and reports that are not yet submitted. Any number of threads and programs of the user may use it
 * at once.
 */
typedef struct mecai_state mecai_state;

/**
 * A directory with the vouchers of a server's certificates. Any number of threads may ask it for answers at once; it
 * is changed by one thread at a time, and by one program at a time.
 */
typedef struct mecai_store mecai_store;

/**
 * The verdict on one handshake. It never tells which operators were picked. It does not change; any number of threads
 * may use it at once.
 */
typedef struct mecai_verdict mecai_verdict;

/**
 * Judges handshakes by a policy, an authority list and a secret. Any number of threads may use it at once.
 */
typedef struct mecai_verifier mecai_verifier;

/**
 * A verifier while it is put together. Used by one thread at a time.
 */
typedef struct mecai_verifier_builder mecai_verifier_builder;

/**
 * What a function gives that can fail: MECAI_OK, or why the call did not work. MECAI_OK says nothing of a server: that
 * is the outcome, which has a place of its own.
 */
typedef uint32_t mecai_result;

/**
 * Octets of somebody else's: those of a handle stay until that is freed, those of a static text for ever. A text is
 * UTF-8, and a NUL follows its last octet, which `len` does not count.
 */
typedef struct {
  /**
   * The first octet; NULL if there are none.
   */
  const uint8_t *data;
  /**
   * How many there are.
   */
  size_t len;
} mecai_bytes;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Reads a server's answer to MECAI_EXTENSION_ALTERNATE, of a handshake on this key, given by its SubjectPublicKeyInfo
 * in DER. One that cannot be used is an alternate, too: mecai_alternate_get says why, it has no certificates, and
 * mecai_verifier_fail_over has that in its verdict. The alternate is the caller's to free.
 *
 * The program then verifies the certificates as it does the server's own, at the same time and for the same name, and
 * says what came of that by mecai_alternate_set_chain, _set_not_trusted or _set_wrong_name: until then it is refused.
 */
mecai_result mecai_alternate_read(const uint8_t *answer,
                                  size_t answer_len,
                                  const uint8_t *handshake_key,
                                  size_t handshake_key_len,
                                  mecai_alternate **alternate,
                                  mecai_error **error);

/**
 * How many certificates were offered; and where the alternate cannot be used the code of that, else 0, and a sentence
 * with the values compared, which stays until the alternate is freed. Each place may be NULL.
 */
mecai_result mecai_alternate_get(const mecai_alternate *alternate,
                                 size_t *certificate_count,
                                 uint32_t *code,
                                 mecai_bytes *sentence,
                                 mecai_error **error);

/**
 * The certificate with an index, end entity first: its DER, which stays until the alternate is freed.
 */
mecai_result mecai_alternate_certificate(const mecai_alternate *alternate,
                                         size_t index,
                                         mecai_bytes *certificate,
                                         mecai_error **error);

/**
 * The chain that the program's own verification of the alternate accepted: certificates in DER, end entity first,
 * trust anchor last, 1 to 32. If it cannot be read, the call fails, and the alternate is refused for that.
 */
mecai_result mecai_alternate_set_chain(mecai_alternate *alternate,
                                       const mecai_bytes *certificates,
                                       size_t count,
                                       mecai_error **error);

/**
 * That the program's own verification refused the alternate's chain, for this reason, in a few words.
 */
mecai_result mecai_alternate_set_not_trusted(mecai_alternate *alternate, const char *reason, mecai_error **error);

/**
 * That the alternate is for another name than this one, which the program meant.
 */
mecai_result mecai_alternate_set_wrong_name(mecai_alternate *alternate, const char *meant, mecai_error **error);

/**
 * Frees an alternate; NULL is fine.
 */
mecai_result mecai_alternate_free(mecai_alternate *alternate);

/**
 * Whether the server's alternate is to be looked at after this verdict on its own certificate: the policy wants
 * failover, and the cause lies with the CA. A program that uses TLSA records looks at no alternate.
 */
mecai_result mecai_verifier_is_failover_due(const mecai_verifier *verifier,
                                            const mecai_handshake *handshake,
                                            const mecai_verdict *verdict,
                                            uint64_t now,
                                            bool *due,
                                            mecai_error **error);

/**
 * Judges the alternate at the time `now` (seconds since 1970), after the verdict `own` on the server's own
 * certificate; the handshake is as it was for that. The verdict is that with the alternate, if it is accepted: then
 * the program goes on with the alternate's certificate. Else, and where failover is not due, it is the verdict that
 * there was, and says why the alternate failed.
 *
 * `outcome` becomes MECAI_REFUSED at once, and another one only if that is the verdict. Where `verdict` is not NULL it
 * receives the whole verdict, the caller's to free.
 */
mecai_result mecai_verifier_fail_over(const mecai_verifier *verifier,
                                      const mecai_handshake *handshake,
                                      const mecai_verdict *own,
                                      const mecai_alternate *alternate,
                                      uint64_t now,
                                      uint32_t *outcome,
                                      mecai_verdict **verdict,
                                      mecai_error **error);

/**
 * The number of an answer's extension, MECAI_EXTENSION_…, and its octets, which stay until the answer is freed. Each
 * place may be NULL.
 */
mecai_result mecai_answer_octets(const mecai_answer *answer,
                                 uint32_t *extension,
                                 mecai_bytes *octets,
                                 mecai_error **error);

/**
 * How many bundles, certificates of an alternate's chain, staged certificates and candidates an answer has; 0 of what
 * its extension has none of. Each place may be NULL.
 */
mecai_result mecai_answer_counts(const mecai_answer *answer,
                                 size_t *bundles,
                                 size_t *certificates,
                                 size_t *staged,
                                 size_t *candidates,
                                 mecai_error **error);

/**
 * The bundle with an index: its DER, which mecai_bundle_parse reads; it stays until the answer is freed.
 */
mecai_result mecai_answer_bundle(const mecai_answer *answer, size_t index, mecai_bytes *bundle, mecai_error **error);

/**
 * The certificate of an alternate's chain with an index, end entity first: its DER, which stays until the answer is
 * freed.
 */
mecai_result mecai_answer_certificate(const mecai_answer *answer,
                                      size_t index,
                                      mecai_bytes *certificate,
                                      mecai_error **error);

/**
 * The staged certificate with an index: how many certificates its chain has, and the DER of the proof of its key,
 * which stays until the answer is freed. Each place may be NULL.
 */
mecai_result mecai_answer_staged(const mecai_answer *answer,
                                 size_t index,
                                 size_t *certificate_count,
                                 mecai_bytes *key_proof,
                                 mecai_error **error);

/**
 * The certificate with an index in the chain of a staged one, end entity first: its DER, which stays until the answer
 * is freed.
 */
mecai_result mecai_answer_staged_certificate(const mecai_answer *answer,
                                             size_t staged,
                                             size_t index,
                                             mecai_bytes *certificate,
                                             mecai_error **error);

/**
 * The candidate with an index: the id of an authority, 8 octets, which stay until the answer is freed.
 */
mecai_result mecai_answer_candidate(const mecai_answer *answer,
                                    size_t index,
                                    mecai_bytes *authority,
                                    mecai_error **error);

/**
 * Frees an answer; NULL is fine.
 */
mecai_result mecai_answer_free(mecai_answer *answer);

/**
 * Reads a server's answer to MECAI_EXTENSION_VOUCHERS: at least one bundle. MECAI_ERR_ANSWER if it breaks its syntax,
 * or has more than 16384 octets. The answer is the caller's to free.
 */
mecai_result mecai_answer_read_vouchers(const uint8_t *octets,
                                        size_t octets_len,
                                        mecai_answer **answer,
                                        mecai_error **error);

/**
 * Reads a server's answer to MECAI_EXTENSION_ALTERNATE: at least one certificate, and bundles. MECAI_ERR_ANSWER if it
 * breaks its syntax, or has more than 16384 octets. The answer is the caller's to free.
 */
mecai_result mecai_answer_read_alternate(const uint8_t *octets,
                                         size_t octets_len,
                                         mecai_answer **answer,
                                         mecai_error **error);

/**
 * Reads a server's answer to MECAI_EXTENSION_STAGED: at least one certificate with its chain and the proof of its key.
 * MECAI_ERR_ANSWER if it breaks its syntax. The answer is the caller's to free.
 */
mecai_result mecai_answer_read_staged(const uint8_t *octets,
                                      size_t octets_len,
                                      mecai_answer **answer,
                                      mecai_error **error);

/**
 * Reads what a client says in MECAI_EXTENSION_CANDIDATES: 1 to 31 ids of authorities, ascending. MECAI_ERR_ANSWER if
 * it breaks its syntax. The answer is the caller's to free.
 */
mecai_result mecai_answer_read_candidates(const uint8_t *octets,
                                          size_t octets_len,
                                          mecai_answer **answer,
                                          mecai_error **error);

/**
 * Writes a server's answer to MECAI_EXTENSION_VOUCHERS from bundles in DER. MECAI_ERR_ANSWER if there are none, one is
 * empty, or the answer would have more than 16384 octets. The answer is the caller's to free.
 */
mecai_result mecai_answer_write_vouchers(const mecai_bytes *bundles,
                                         size_t bundle_count,
                                         mecai_answer **answer,
                                         mecai_error **error);

/**
 * Writes a server's answer to MECAI_EXTENSION_ALTERNATE from a chain, certificates in DER, end entity first, and the
 * bundles for it, possibly none. MECAI_ERR_ANSWER if the chain is empty, something in it is, or the answer would have
 * more than 16384 octets. The answer is the caller's to free.
 */
mecai_result mecai_answer_write_alternate(const mecai_bytes *certificates,
                                          size_t certificate_count,
                                          const mecai_bytes *bundles,
                                          size_t bundle_count,
                                          mecai_answer **answer,
                                          mecai_error **error);

/**
 * Writes a server's answer to MECAI_EXTENSION_STAGED: what stands in `before` (`before` may be NULL), and one certificate
 * more: its chain, certificates in DER, end entity first, and the DER of the proof of its key.
 * MECAI_ERR_ANSWER if something is empty, `before` is of another extension, or the answer would have more than 65535
 * octets. The answer is the caller's to free; `before` stays as it is.
 */
mecai_result mecai_answer_write_staged(const mecai_answer *before,
                                       const mecai_bytes *certificates,
                                       size_t certificate_count,
                                       const uint8_t *key_proof,
                                       size_t key_proof_len,
                                       mecai_answer **answer,
                                       mecai_error **error);

/**
 * Writes what a client says in MECAI_EXTENSION_CANDIDATES from the ids of authorities, 8 octets each, of any order.
 * MECAI_ERR_LENGTH if one has not 8 octets, MECAI_ERR_ANSWER if there are not 1 to 31. The answer is the caller's to
 * free.
 */
mecai_result mecai_answer_write_candidates(const mecai_bytes *authorities,
                                           size_t authority_count,
                                           mecai_answer **answer,
                                           mecai_error **error);

/**
 * The CA keys of the operator with an index: the SHA-256 of the SubjectPublicKeyInfo of each, 32 octets, one behind the
 * other. They stay until the list is freed.
 */
mecai_result mecai_authority_list_ca_keys(const mecai_authority_list *list,
                                          size_t operator_index,
                                          mecai_bytes *ca_keys,
                                          mecai_error **error);

/**
 * The public key of an authority, by the indices of its operator and its own: the DER of its SubjectPublicKeyInfo,
 * which stays until the list is freed, and how it signs, MECAI_ALGORITHM_… Each place may be NULL.
 */
mecai_result mecai_authority_list_public_key(const mecai_authority_list *list,
                                             size_t operator_index,
                                             size_t index,
                                             mecai_bytes *public_key,
                                             uint32_t *algorithm,
                                             mecai_error **error);

/**
 * How many regions an authority looks from, by the indices of its operator and its own.
 */
mecai_result mecai_authority_list_region_count(const mecai_authority_list *list,
                                               size_t operator_index,
                                               size_t index,
                                               size_t *count,
                                               mecai_error **error);

/**
 * The region with an index of those that an authority looks from: text, which stays until the list is freed.
 */
mecai_result mecai_authority_list_region(const mecai_authority_list *list,
                                         size_t operator_index,
                                         size_t authority_index,
                                         size_t index,
                                         mecai_bytes *region,
                                         mecai_error **error);

/**
 * Reads an authority list: `json` and the text of its signatures, the file NAME.minisig. `keys` says which minisign keys
 * must have signed it: "KEY", or "M of KEY, KEY, …". A list whose sequence is below `highest` is refused: keep the
 * highest sequence that was used, and give 0 if there is none.
 *
 * The list is the caller's to free; what was made with it goes on using it.
 */
mecai_result mecai_authority_list_read(const uint8_t *json,
                                       size_t json_len,
                                       const uint8_t *signatures,
                                       size_t signatures_len,
                                       const char *keys,
                                       uint64_t highest,
                                       mecai_authority_list **list,
                                       mecai_error **error);

/**
 * The sequence of a list, which never goes back; when it was issued, and the last second in which it is in force
 * (seconds since 1970). Each place may be NULL.
 */
mecai_result mecai_authority_list_get(const mecai_authority_list *list,
                                      uint64_t *sequence,
                                      uint64_t *issued,
                                      uint64_t *expires,
                                      mecai_error **error);

/**
 * How many operators a list has.
 */
mecai_result mecai_authority_list_operator_count(const mecai_authority_list *list, size_t *count, mecai_error **error);

/**
 * The operator with an index: its id, its name, its country, and how many authorities it has. Each place may be NULL.
 * The texts stay until the list is freed.
 */
mecai_result mecai_authority_list_operator(const mecai_authority_list *list,
                                           size_t index,
                                           mecai_bytes *id,
                                           mecai_bytes *name,
                                           mecai_bytes *country,
                                           size_t *authority_count,
                                           mecai_error **error);

/**
 * The authority of an operator, by their indices: its id (8 octets), its URL, and the first and the last second of its
 * validity (seconds since 1970). Each place may be NULL. What is shown stays until the list is freed.
 */
mecai_result mecai_authority_list_authority(const mecai_authority_list *list,
                                            size_t operator_index,
                                            size_t index,
                                            mecai_bytes *id,
                                            mecai_bytes *url,
                                            uint64_t *valid_from,
                                            uint64_t *valid_until,
                                            mecai_error **error);

/**
 * The index of the operator that owns a CA key, given by the SHA-256 of its SubjectPublicKeyInfo (32 octets).
 * MECAI_ERR_NONE if nobody in the list does.
 */
mecai_result mecai_authority_list_owner(const mecai_authority_list *list,
                                        const uint8_t *spki_hash,
                                        size_t spki_hash_len,
                                        size_t *operator_index,
                                        mecai_error **error);

/**
 * Frees a list; NULL is fine.
 */
mecai_result mecai_authority_list_free(mecai_authority_list *list);

/**
 * A new backoff with pauses from `first` to `longest` seconds; the first question may be put at once. It is the
 * caller's to free.
 */
mecai_result mecai_backoff_new(uint64_t first, uint64_t longest, mecai_backoff **backoff, mecai_error **error);

/**
 * That the authority failed at the time `now`. `retry_at` is before when it asked not to be asked again, as
 * mecai_request_failure tells it, 0 if it did not; at most half a day of that is honoured. `random` is any random
 * number: programs that failed together then do not come back together. Times are seconds since 1970.
 */
mecai_result mecai_backoff_failed(mecai_backoff *backoff,
                                  uint64_t retry_at,
                                  uint64_t now,
                                  uint32_t random,
                                  mecai_error **error);

/**
 * That the authority has answered well: earlier failures are forgotten.
 */
mecai_result mecai_backoff_succeeded(mecai_backoff *backoff, mecai_error **error);

/**
 * The earliest second of the next question (seconds since 1970), 0 if it may be put at once; and how often the
 * authority has failed since it last answered well. Each place may be NULL.
 */
mecai_result mecai_backoff_next_attempt(const mecai_backoff *backoff,
                                        uint64_t *at,
                                        uint32_t *failures,
                                        mecai_error **error);

/**
 * Whether the next question may be put at the time `now` (seconds since 1970). A clock that was set back does not
 * stretch the pause beyond its longest.
 */
mecai_result mecai_backoff_may_ask(const mecai_backoff *backoff, uint64_t now, bool *may_ask, mecai_error **error);

/**
 * Frees a backoff; NULL is fine.
 */
mecai_result mecai_backoff_free(mecai_backoff *backoff);

/**
 * Reads the DER of one bundle, all of it. The bundle is the caller's to free; the octets are not needed any more.
 */
mecai_result mecai_bundle_parse(const uint8_t *der, size_t der_len, mecai_bundle **bundle, mecai_error **error);

/**
 * What is vouched for: the host, its port, and the SHA-256 of the end-entity certificate (32 octets). Each place may be
 * NULL. What is shown stays until the bundle is freed.
 */
mecai_result mecai_bundle_get(const mecai_bundle *bundle,
                              mecai_bytes *host,
                              uint16_t *port,
                              mecai_bytes *certificate,
                              mecai_error **error);

/**
 * When the statement was made, the last second in which it is in force (seconds since 1970), and for how many days the
 * site promises to go on showing vouchers: -1 if it says nothing. Each place may be NULL.
 */
mecai_result mecai_bundle_times(const mecai_bundle *bundle,
                                uint64_t *produced_at,
                                uint64_t *not_after,
                                int32_t *stay,
                                mecai_error **error);

/**
 * How many addresses and how many endorsements a bundle has. Each place may be NULL.
 */
mecai_result mecai_bundle_counts(const mecai_bundle *bundle,
                                 size_t *addresses,
                                 size_t *endorsements,
                                 mecai_error **error);

/**
 * The address with an index: 4 or 16 octets in network order, which stay until the bundle is freed.
 */
mecai_result mecai_bundle_address(const mecai_bundle *bundle, size_t index, mecai_bytes *address, mecai_error **error);

/**
 * The endorsement with an index: the authority's id (8 octets, which stay until the bundle is freed), the addresses at
 * which it saw the certificate (bit 0 is that with index 0), what its revocation check rests on (MECAI_EVIDENCE_…) and
 * how old that was when the statement was made, in seconds. Each place may be NULL.
 */
mecai_result mecai_bundle_endorsement(const mecai_bundle *bundle,
                                      size_t index,
                                      mecai_bytes *authority,
                                      uint32_t *seen,
                                      uint32_t *evidence,
                                      uint32_t *age,
                                      mecai_error **error);

/**
 * The signature of the endorsement with an index, as it was sent; nobody has verified it. It stays until the bundle is
 * freed.
 */
mecai_result mecai_bundle_signature(const mecai_bundle *bundle,
                                    size_t index,
                                    mecai_bytes *signature,
                                    mecai_error **error);

/**
 * The DER of a bundle, which stays until it is freed.
 */
mecai_result mecai_bundle_der(const mecai_bundle *bundle, mecai_bytes *der, mecai_error **error);

/**
 * Frees a bundle; NULL is fine.
 */
mecai_result mecai_bundle_free(mecai_bundle *bundle);

/**
 * The SHA-256 of a certificate in DER, as statements and the store name it: 32 octets, for which `digest` has the
 * place. That it is a certificate is not looked at. Any thread may call this.
 */
mecai_result mecai_certificate_digest(const uint8_t *certificate,
                                      size_t certificate_len,
                                      uint8_t *digest,
                                      size_t digest_len,
                                      mecai_error **error);

/**
 * The SHA-256 of the SubjectPublicKeyInfo of a certificate in DER, as lists name CA keys and policies local roots: 32
 * octets, for which `hash` has the place. MECAI_ERR_CHAIN if it is no certificate. Any thread may call this.
 */
mecai_result mecai_spki_hash(const uint8_t *certificate,
                             size_t certificate_len,
                             uint8_t *hash,
                             size_t hash_len,
                             mecai_error **error);

/**
 * The SubjectPublicKeyInfo of a certificate in DER, a part of the buffer that is passed. MECAI_ERR_CHAIN if it is no
 * certificate. Any thread may call this.
 */
mecai_result mecai_certificate_spki(const uint8_t *certificate,
                                    size_t certificate_len,
                                    mecai_bytes *spki,
                                    mecai_error **error);

/**
 * The word of a code, as documentation and logs have it: "accepted", "no_voucher", … A number that is no code gives
 * "unknown". The text is static, ends with a NUL, and is not to be freed. Any thread may call this.
 */
const char *mecai_code_str(uint32_t code);

/**
 * One sentence: what a code means. A number that is no code gives "unknown". The text is static, ends with a NUL, and
 * is not to be freed. Any thread may call this.
 */
const char *mecai_code_meaning(uint32_t code);

/**
 * One sentence: what a person can do. A number that is no code gives "unknown". The text is static, ends with a NUL,
 * and is not to be freed. Any thread may call this.
 */
const char *mecai_code_advice(uint32_t code);

/**
 * How many digests there are.
 */
mecai_result mecai_digests_count(const mecai_digests *digests, size_t *count, mecai_error **error);

/**
 * The digest with an index: 32 octets, which stay until the digests are freed.
 */
mecai_result mecai_digests_get(const mecai_digests *digests, size_t index, mecai_bytes *digest, mecai_error **error);

/**
 * Frees digests; NULL is fine.
 */
mecai_result mecai_digests_free(mecai_digests *digests);

/**
 * The result of the call that failed, and the sentence, UTF-8, which stays until the error is freed. Either place may be
 * NULL.
 */
mecai_result mecai_error_get(const mecai_error *error,
                             mecai_result *result,
                             mecai_bytes *sentence);

/**
 * Frees an error; NULL is fine.
 */
mecai_result mecai_error_free(mecai_error *error);

/**
 * A new handshake, of which nothing is known; as it is, it is refused. It is the caller's to free. It may be used again:
 * what is set after it was judged begins the next handshake, of which nothing else is known (but for
 * mecai_handshake_set_remembered, which completes the one that was judged).
 */
mecai_result mecai_handshake_new(mecai_handshake **handshake,
                                 mecai_error **error);

/**
 * The chain that the program's own verification accepted: certificates in DER, end entity first, trust anchor last, 1 to
 * 32. If it cannot be read, the call fails, and the handshake has no accepted chain.
 */
mecai_result mecai_handshake_set_chain(mecai_handshake *handshake,
                                       const mecai_bytes *certificates,
                                       size_t count,
                                       mecai_error **error);

/**
 * Who issued the certificate that the program's own verification accepted, where its chain is not at hand: the id of an
 * operator of the list, and the SHA-256 of the certificate (32 octets). MECAI_ERR_NONE if the list has no such operator;
 * after any failure the handshake has no accepted chain. What other operators own of the chain is not known then: their endorsements
 * count.
 */
mecai_result mecai_handshake_set_issuer(mecai_handshake *handshake,
                                        const mecai_authority_list *list,
                                        const char *operator_id,
                                        const uint8_t *digest,
                                        size_t digest_len,
                                        mecai_error **error);

/**
 * What the program's own verification said, where it accepted no chain in the common way: MECAI_OWN_…
 */
mecai_result mecai_handshake_set_own(mecai_handshake *handshake, uint32_t own, mecai_error **error);

/**
 * A name that the program means to reach, as it configured it for verification: a host name, an address, or a name that
 * begins with a dot for every host that ends with it. May be called again for more, at most MECAI_REFERENCES_MAX. NULL
 * forgets all.
 */
mecai_result mecai_handshake_add_reference(mecai_handshake *handshake, const char *reference, mecai_error **error);

/**
 * The SNI that the client sent; NULL for none.
 */
mecai_result mecai_handshake_set_sni(mecai_handshake *handshake, const char *sni, mecai_error **error);

/**
 * The peer's address, 4 or 16 octets in network order, or none of length 0; and the port that the program meant, which
 * is then compared, or 0 if it is not to be.
 */
mecai_result mecai_handshake_set_peer(mecai_handshake *handshake,
                                      const uint8_t *address,
                                      size_t address_len,
                                      uint16_t port,
                                      mecai_error **error);

/**
 * The server's answer to the extension MECAI_EXTENSION_VOUCHERS; NULL for none.
 */
mecai_result mecai_handshake_set_vouchers(mecai_handshake *handshake,
                                          const uint8_t *answer,
                                          size_t answer_len,
                                          mecai_error **error);

/**
 * Whether the host has promised to go on showing vouchers and is remembered for it (mode opportunistic).
 */
mecai_result mecai_handshake_set_remembered(mecai_handshake *handshake, bool remembered, mecai_error **error);

/**
 * Frees a handshake; NULL is fine.
 */
mecai_result mecai_handshake_free(mecai_handshake *handshake);

/**
 * A new builder: mode require, a quorum of 2 of 4 candidates, no region, addresses noted, nothing exempt, failover on.
 * It is the caller's to free.
 */
mecai_result mecai_policy_builder_new(mecai_policy_builder **builder, mecai_error **error);

/**
 * What happens to a handshake that misses the rules: MECAI_MODE_…
 */
mecai_result mecai_policy_builder_set_mode(mecai_policy_builder *builder, uint32_t mode, mecai_error **error);

/**
 * How many operators are picked (1 to 31), and how many of them must have endorsed (1 to `candidates`).
 */
mecai_result mecai_policy_builder_set_quorum(mecai_policy_builder *builder,
                                             size_t quorum,
                                             size_t candidates,
                                             mecai_error **error);

/**
 * Narrows the pick to authorities in this region, as long as enough of them remain; NULL for all.
 */
mecai_result mecai_policy_builder_set_region(mecai_policy_builder *builder, const char *region, mecai_error **error);

/**
 * How the peer's address is compared with what the authorities saw: MECAI_ADDRESSES_…
 */
mecai_result mecai_policy_builder_set_addresses(mecai_policy_builder *builder, uint32_t rule, mecai_error **error);

/**
 * Whom nobody needs to vouch for: "name.example", "*.name.example" for every name below, or an address or CIDR such as
 * "192.0.2.0/24", which covers only what is meant by address. May be called again for more.
 */
mecai_result mecai_policy_builder_add_exemption(mecai_policy_builder *builder,
                                                const char *exemption,
                                                mecai_error **error);

/**
 * A trust anchor whose certificates need no vouchers, given by the SHA-256 of its SubjectPublicKeyInfo (32 octets). May
 * be called again for more.
 */
mecai_result mecai_policy_builder_add_local_root(mecai_policy_builder *builder,
                                                 const uint8_t *spki_hash,
                                                 size_t spki_hash_len,
                                                 mecai_error **error);

/**
 * Whether a server's alternate is looked at when its own certificate fails.
 */
mecai_result mecai_policy_builder_set_failover(mecai_policy_builder *builder, bool failover, mecai_error **error);

/**
 * The policy. When this works, the builder is used up, and can only be freed. The policy is the caller's to free; what
 * was made with it goes on using it.
 */
mecai_result mecai_policy_builder_build(mecai_policy_builder *builder, mecai_policy **policy, mecai_error **error);

/**
 * Frees a builder; NULL is fine.
 */
mecai_result mecai_policy_builder_free(mecai_policy_builder *builder);

/**
 * Frees a policy; NULL is fine.
 */
mecai_result mecai_policy_free(mecai_policy *policy);

/**
 * The report that is due after a verdict, which mecai_verdict_notes tells: what the handshake showed, the certificates
 * as served, in DER and in the server's order, and the hour of the time `now` (seconds since 1970). The handshake is
 * as it was judged. MECAI_ERR_NONE if no report is due. The report is the caller's to free.
 */
mecai_result mecai_report_new(const mecai_verifier *verifier,
                              const mecai_handshake *handshake,
                              const mecai_verdict *verdict,
                              const mecai_bytes *certificates,
                              size_t certificate_count,
                              uint64_t now,
                              mecai_report **report,
                              mecai_error **error);

/**
 * Reads a report, which must be exactly what a client writes; else MECAI_ERR_REPORT. The report is the caller's to
 * free.
 */
mecai_result mecai_report_parse(const uint8_t *text, size_t text_len, mecai_report **report, mecai_error **error);

/**
 * The code of what happened, and the host that the client meant, text, which stays until the report is freed. Each
 * place may be NULL.
 */
mecai_result mecai_report_get(const mecai_report *report, uint32_t *code, mecai_bytes *host, mecai_error **error);

/**
 * The JSON of a report, in its canonical form, and the name of the file that holds it: one event, one name. Each place
 * may be NULL. What is shown stays until the report is freed.
 */
mecai_result mecai_report_json(const mecai_report *report,
                               mecai_bytes *json,
                               mecai_bytes *file_name,
                               mecai_error **error);

/**
 * Frees a report; NULL is fine.
 */
mecai_result mecai_report_free(mecai_report *report);

/**
 * How many authorities are asked, how many have endorsed so far, and of how many there is no reply yet. Each place may
 * be NULL.
 */
mecai_result mecai_request_counts(const mecai_request *request,
                                  size_t *authorities,
                                  size_t *endorsements,
                                  size_t *waiting,
                                  mecai_error **error);

/**
 * The authority with an index: the index of its operator in the list, and its id (8 octets, which stay until the
 * request is freed). Each place may be NULL.
 */
mecai_result mecai_request_authority(const mecai_request *request,
                                     size_t index,
                                     size_t *operator_index,
                                     mecai_bytes *authority,
                                     mecai_error **error);

/**
 * What to send to the authority with an index: the URL, the HTTP method, the Content-Type and the body; and the last
 * second in which an answer counts (seconds since 1970). Redirects are not followed. Each place may be NULL. What is
 * shown stays until the request is freed.
 */
mecai_result mecai_request_question(const mecai_request *request,
                                    size_t index,
                                    mecai_bytes *url,
                                    mecai_bytes *method,
                                    mecai_bytes *content_type,
                                    mecai_bytes *body,
                                    uint64_t *deadline,
                                    mecai_error **error);

/**
 * Why the authority with an index did not vouch: the code, a word that never changes, and a sentence; whether it is
 * better left alone for other questions, too; and before when it asked not to be asked again (seconds since 1970), 0
 * if it did not. Each place may be NULL. The texts stay until the request is freed. MECAI_ERR_NONE if it has vouched,
 * or not replied yet.
 */
mecai_result mecai_request_failure(const mecai_request *request,
                                   size_t index,
                                   mecai_bytes *code,
                                   mecai_bytes *sentence,
                                   bool *concerns_authority,
                                   uint64_t *retry_at,
                                   mecai_error **error);

/**
 * The bundle of the endorsements that have come so far, the caller's to free; and how many had to be left out for it to
 * fit a server's answer: `left_out` may be NULL. MECAI_ERR_NONE if there are none yet.
 */
mecai_result mecai_request_bundle(const mecai_request *request,
                                  mecai_bundle **bundle,
                                  size_t *left_out,
                                  mecai_error **error);

/**
 * Frees a request; NULL is fine.
 */
mecai_result mecai_request_free(mecai_request *request);

/**
 * A new builder. It is the caller's to free.
 */
mecai_result mecai_request_builder_new(mecai_request_builder **builder, mecai_error **error);

/**
 * Whose authorities are asked. The list may be freed afterwards.
 */
mecai_result mecai_request_builder_set_list(mecai_request_builder *builder,
                                            const mecai_authority_list *list,
                                            mecai_error **error);

/**
 * The server: a lower-case A-label name, or an address in its canonical text; and the port, which is not 0.
 */
mecai_result mecai_request_builder_set_server(mecai_request_builder *builder,
                                              const char *host,
                                              uint16_t port,
                                              mecai_error **error);

/**
 * An address at which the server shows the certificate: 4 or 16 octets in network order. May be called again for more:
 * 1 to 16, of any order.
 */
mecai_result mecai_request_builder_add_address(mecai_request_builder *builder,
                                               const uint8_t *address,
                                               size_t address_len,
                                               mecai_error **error);

/**
 * The certificate, given by its SHA-256 (32 octets).
 */
mecai_result mecai_request_builder_set_certificate(mecai_request_builder *builder,
                                                   const uint8_t *digest,
                                                   size_t digest_len,
                                                   mecai_error **error);

/**
 * How authorities get to TLS: MECAI_PROTOCOL_…
 */
mecai_result mecai_request_builder_set_protocol(mecai_request_builder *builder, uint32_t protocol, mecai_error **error);

/**
 * When the statement is made, that is now, and for how many seconds it is in force, at most 86400 and not longer than
 * the certificate; and the last second in which an answer counts. Times are seconds since 1970.
 */
mecai_result mecai_request_builder_set_times(mecai_request_builder *builder,
                                             uint64_t produced_at,
                                             uint64_t lifetime,
                                             uint64_t deadline,
                                             mecai_error **error);

/**
 * For how many days the site promises to go on showing vouchers, 0 to 30; 0 takes an earlier promise back. Without
 * this call the statement says nothing of that.
 */
mecai_result mecai_request_builder_set_stay(mecai_request_builder *builder, uint8_t days, mecai_error **error);

/**
 * The request: a question to every authority of the list that can vouch when the statement is made. MECAI_ERR_MISSING
 * without list, server, certificate or times, MECAI_ERR_MALFORMED or MECAI_ERR_TOO_LONG_LIVED if the statement would
 * break a rule, MECAI_ERR_NONE if there is nobody to ask. When this works, the builder is used up, and can only be
 * freed. The request is the caller's to free.
 */
mecai_result mecai_request_builder_build(mecai_request_builder *builder, mecai_request **request, mecai_error **error);

/**
 * Frees a builder; NULL is fine.
 */
mecai_result mecai_request_builder_free(mecai_request_builder *builder);

/**
 * The answer of the authority with an index, complete at the time `now` (seconds since 1970): its HTTP status, its
 * headers Content-Type and Retry-After, NULL if it has none, and its body; of a body that has more than
 * MECAI_ENDORSEMENT_MAX octets at least one octet more than that. A good endorsement is kept. Else the call fails with
 * MECAI_ERR_NOT_VOUCHED, whose sentence ends with the code, and mecai_request_failure tells more. MECAI_ERR_VALUE if
 * there is a reply already.
 */
mecai_result mecai_request_answer(mecai_request *request,
                                  size_t index,
                                  uint16_t status,
                                  const char *content_type,
                                  const char *retry_after,
                                  const uint8_t *body,
                                  size_t body_len,
                                  uint64_t now,
                                  mecai_error **error);

/**
 * That the authority with an index has not answered in time. The call fails with MECAI_ERR_NOT_VOUCHED, as that of an
 * answer that is no endorsement does.
 */
mecai_result mecai_request_timed_out(mecai_request *request, size_t index, mecai_error **error);

/**
 * That there is no connection to the authority with an index, or that it broke: `why`, in a few words. The call fails
 * with MECAI_ERR_NOT_VOUCHED, as that of an answer that is no endorsement does.
 */
mecai_result mecai_request_unreachable(mecai_request *request, size_t index, const char *why, mecai_error **error);

/**
 * The word of a result, which never changes: "ok", "null", … A number that is none gives "unknown". The text is static,
 * ends with a NUL, and is not to be freed. Any thread may call this.
 */
const char *mecai_result_str(uint32_t result);

/**
 * The state in a directory, which is made (mode 0700) when something is first kept there. Nothing is opened yet, and
 * nothing stays open. The state is the caller's to free.
 */
mecai_result mecai_state_open(const char *directory, mecai_state **state, mecai_error **error);

/**
 * The secret of the picks: 32 octets, for which `secret` has the place; made if there is none yet. It is to be shown
 * to nobody; mecai_verifier_builder_set_state uses it without showing it. MECAI_ERR_STATE if there is one that others
 * could have read or changed: it is not replaced.
 */
mecai_result mecai_state_secret(const mecai_state *state, uint8_t *secret, size_t secret_len, mecai_error **error);

/**
 * The highest sequence of an authority list so far, 0 if none was kept: mecai_authority_list_read refuses older lists.
 */
mecai_result mecai_state_list_sequence(const mecai_state *state, uint64_t *sequence, mecai_error **error);

/**
 * Keeps the sequence of an authority list that was read, if it is the highest so far; `highest`, which may be NULL,
 * receives that: another program may have read a newer list meanwhile.
 */
mecai_result mecai_state_raise_list_sequence(const mecai_state *state,
                                             uint64_t sequence,
                                             uint64_t *highest,
                                             mecai_error **error);

/**
 * Whether the host that a handshake means is remembered at the time `now` (seconds since 1970) for its promise to go
 * on showing vouchers: mecai_handshake_set_remembered takes that, which plays a part in mode opportunistic alone.
 * `remembered` becomes true at once, and false only if nothing is remembered. `until`, which may be NULL, receives the
 * last second of the promise, 0 if it is not known.
 *
 * What cannot be read counts as a promise: then the call gives MECAI_OK, and the place for the error has what is to be
 * logged.
 */
mecai_result mecai_state_is_remembered(const mecai_state *state,
                                       const mecai_handshake *handshake,
                                       uint64_t now,
                                       bool *remembered,
                                       uint64_t *until,
                                       mecai_error **error);

/**
 * Keeps the promise of an accepted handshake to go on showing vouchers in mind, at the time `now` (seconds since
 * 1970), or forgets an earlier one that it takes back. `promise`, which may be NULL, receives what became of it:
 * MECAI_PROMISE_…
 */
mecai_result mecai_state_remember(const mecai_state *state,
                                  const mecai_verdict *verdict,
                                  uint64_t now,
                                  uint32_t *promise,
                                  mecai_error **error);

/**
 * Keeps a report until it is submitted. `spooled`, which may be NULL, receives what became of it: MECAI_SPOOLED_…
 */
mecai_result mecai_state_spool(const mecai_state *state,
                               const mecai_report *report,
                               uint32_t *spooled,
                               mecai_error **error);

/**
 * Frees a state; NULL is fine. Its files stay.
 */
mecai_result mecai_state_free(mecai_state *state);

/**
 * The store in a directory. Of at most `capacity` certificates the answers are kept at hand, at least of one. Nothing
 * is opened yet, and nothing stays open: a directory that is not there may appear later. The store is the caller's to
 * free.
 */
mecai_result mecai_store_open(const char *directory, size_t capacity, mecai_store **store, mecai_error **error);

/**
 * What the server answers to an extension, MECAI_EXTENSION_…, in a handshake with the certificate of this SHA-256 (32
 * octets), to a client that sent this SNI name, or NULL, at the time `now` (seconds since 1970). The answer is the
 * caller's to free; it is NULL if nothing is to be sent. Its octets are not copied. Files are looked at once in five
 * seconds at most.
 *
 * A file that cannot be used is told once, as MECAI_ERR_STORE. While what was read before is still in force, it is
 * answered from that: then the call gives MECAI_OK and the answer, and the place for the error has what is to be
 * logged. Only where there is no answer does the call fail; the handshake goes on without one.
 */
mecai_result mecai_store_answer(const mecai_store *store,
                                const uint8_t *digest,
                                size_t digest_len,
                                uint32_t extension,
                                const char *name,
                                uint64_t now,
                                mecai_answer **answer,
                                mecai_error **error);

/**
 * Frees a store; NULL is fine. Its files stay.
 */
mecai_result mecai_store_free(mecai_store *store);

/**
 * Adds bundles in DER to the file of the certificate with this SHA-256 (32 octets), which is made if it is not there:
 * they are for this certificate, or for the alternate that the file has. Of each host and port the four freshest stay
 * that are in force at the time `now` (seconds since 1970), each authority in the freshest that it signed only.
 * `left_out`, which may be NULL, receives of how many bundles the file has no room for.
 *
 * MECAI_ERR_MALFORMED, _UNKNOWN_VERSION or _TOO_LONG_LIVED for what is no bundle, MECAI_ERR_STORE for one that is for
 * another certificate, and if the file cannot be used or written; then nothing has changed. A file that cannot be used
 * stays as it is until it is removed.
 */
mecai_result mecai_store_add_bundles(mecai_store *store,
                                     const uint8_t *digest,
                                     size_t digest_len,
                                     const mecai_bytes *bundles,
                                     size_t bundle_count,
                                     uint64_t now,
                                     size_t *left_out,
                                     mecai_error **error);

/**
 * Sets the alternate that is shown beside the certificate with this SHA-256 (32 octets): certificates in DER, end
 * entity first, 1 to 10; none take it away. Bundles for it stay while its end entity is the same. Clients go over only
 * to an alternate on the same key, for the same names, of another operator; whether it is, is not looked at.
 * MECAI_ERR_STORE if no server could show the chain, or the file cannot be used or written.
 */
mecai_result mecai_store_set_alternate(mecai_store *store,
                                       const uint8_t *digest,
                                       size_t digest_len,
                                       const mecai_bytes *alternate,
                                       size_t alternate_count,
                                       mecai_error **error);

/**
 * Takes away everything that is stored for the certificate with this SHA-256 (32 octets); if that is nothing, it is no
 * error. A server that has read it goes on until it expires.
 */
mecai_result mecai_store_remove(mecai_store *store, const uint8_t *digest, size_t digest_len, mecai_error **error);

/**
 * The certificates for which there are files, as they are now; whether these can be used is not looked at. The digests
 * are the caller's to free.
 */
mecai_result mecai_store_certificates(const mecai_store *store, mecai_digests **digests, mecai_error **error);

/**
 * Writes an OpenSSL serverinfo file at `path`, for servers without the module: what is answered at the time `now`
 * (seconds since 1970) in handshakes with the certificate of this SHA-256 (32 octets) to clients that name no host.
 * Without vouchers it says nothing, and servers can read it all the same. It replaces a file of this path.
 */
mecai_result mecai_store_write_serverinfo(const mecai_store *store,
                                          const uint8_t *digest,
                                          size_t digest_len,
                                          const char *path,
                                          uint64_t now,
                                          mecai_error **error);

/**
 * The outcome; the code, a number that never changes; and one sentence with the values compared, which stays until the
 * verdict is freed. Each place may be NULL; that of the outcome becomes MECAI_REFUSED if the call fails.
 */
mecai_result mecai_verdict_get(const mecai_verdict *verdict,
                               uint32_t *outcome,
                               uint32_t *code,
                               mecai_bytes *sentence,
                               mecai_error **error);

/**
 * Whether somebody holds vouchers that do not belong here, so that the evidence is worth a report; what decided nothing
 * and is worth knowing, MECAI_NOTE_… added up; and the code of the report that is due, 0 if none is. Each place may be
 * NULL.
 */
mecai_result mecai_verdict_notes(const mecai_verdict *verdict,
                                 bool *alarm,
                                 uint32_t *notes,
                                 uint32_t *report,
                                 mecai_error **error);

/**
 * A value that was compared, or counted: MECAI_VALUE_…, octets or text, which stay until the verdict is freed.
 * MECAI_ERR_NONE if this verdict has none.
 */
mecai_result mecai_verdict_value(const mecai_verdict *verdict, uint32_t which, mecai_bytes *value, mecai_error **error);

/**
 * A number that was compared, or counted: MECAI_NUMBER_… MECAI_ERR_NONE if this verdict has none.
 */
mecai_result mecai_verdict_number(const mecai_verdict *verdict, uint32_t which, uint64_t *value, mecai_error **error);

/**
 * What came of the server's alternate, MECAI_FAILOVER_…, and the code that goes with it, 0 for none. Each place may be
 * NULL.
 */
mecai_result mecai_verdict_failover(const mecai_verdict *verdict,
                                    uint32_t *failover,
                                    uint32_t *code,
                                    mecai_error **error);

/**
 * The sentence of the code that mecai_verdict_failover gives, with the values compared; it stays until the verdict is
 * freed. MECAI_ERR_NONE if the alternate was not looked at.
 */
mecai_result mecai_verdict_failover_sentence(const mecai_verdict *verdict, mecai_bytes *sentence, mecai_error **error);

/**
 * Frees a verdict; NULL is fine.
 */
mecai_result mecai_verdict_free(mecai_verdict *verdict);

/**
 * A new builder, which needs a policy and a list. It is the caller's to free.
 */
mecai_result mecai_verifier_builder_new(mecai_verifier_builder **builder, mecai_error **error);

/**
 * What is demanded. The policy may be freed afterwards.
 */
mecai_result mecai_verifier_builder_set_policy(mecai_verifier_builder *builder,
                                               const mecai_policy *policy,
                                               mecai_error **error);

/**
 * Who may be believed. The list may be freed afterwards.
 */
mecai_result mecai_verifier_builder_set_list(mecai_verifier_builder *builder,
                                             const mecai_authority_list *list,
                                             mecai_error **error);

/**
 * What the picks are drawn by: 32 random octets that are kept for this user and shown to nobody, and the text of
 * /etc/machine-id, so that copies of an image draw other picks. Without a secret, more than half of all operators must
 * have endorsed. MECAI_ERR_VALUE for an id that is not that of a machine.
 */
mecai_result mecai_verifier_builder_set_secret(mecai_verifier_builder *builder,
                                               const uint8_t *secret,
                                               size_t secret_len,
                                               const char *machine,
                                               mecai_error **error);

/**
 * The same by the secret in a state directory, which is made if there is none yet. MECAI_ERR_STATE if it cannot be
 * used. The state may be freed afterwards.
 */
mecai_result mecai_verifier_builder_set_state(mecai_verifier_builder *builder,
                                              const mecai_state *state,
                                              const char *machine,
                                              mecai_error **error);

/**
 * The verifier. MECAI_ERR_MISSING without a policy or a list. Once both are set, the builder is used up by this call, and
 * can only be freed. The verifier is the caller's to free.
 */
mecai_result mecai_verifier_builder_build(mecai_verifier_builder *builder,
                                          mecai_verifier **verifier,
                                          mecai_error **error);

/**
 * Frees a builder; NULL is fine.
 */
mecai_result mecai_verifier_builder_free(mecai_verifier_builder *builder);

/**
 * Puts a newer list in place of the verifier's, for every handshake that is judged from now on; threads that judge
 * meanwhile wait for nothing. MECAI_ERR_LIST_ROLLED_BACK if its sequence is lower. The list may be freed afterwards.
 */
mecai_result mecai_verifier_replace_list(const mecai_verifier *verifier,
                                         const mecai_authority_list *list,
                                         mecai_error **error);

/**
 * Judges a handshake at the time `now` (seconds since 1970). `outcome` becomes MECAI_REFUSED at once, and another one
 * only if that is the verdict. Where `verdict` is not NULL it receives the whole verdict, the caller's to free.
 *
 * Nothing is allocated unless a verdict is wanted, or the picks of a name are drawn for the first time.
 */
mecai_result mecai_verifier_verify(const mecai_verifier *verifier,
                                   const mecai_handshake *handshake,
                                   uint64_t now,
                                   uint32_t *outcome,
                                   mecai_verdict **verdict,
                                   mecai_error **error);

/**
 * Frees a verifier; NULL is fine.
 */
mecai_result mecai_verifier_free(mecai_verifier *verifier);

/**
 * The version of the library, as "0.1.0". The text is static, ends with a NUL, and is not to be freed. Any thread may
 * call this.
 */
const char *mecai_version(void);

/**
 * The MECAI_ABI_VERSION that the library was built with, for programs that load it themselves. Any thread may call this.
 */
uint32_t mecai_abi_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MECAI_H */
