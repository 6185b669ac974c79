/* The beginning of a program that misuses every function of mecai.h: good handles, good values, and expectations. What
 * follows is made from the header. Its argument is a directory with good files. */
#include <mecai.h>

#include "expect.h"

void mecai_plant_panic(bool planted);

/* The good call of a function, which may still have nothing to give: but it is not misuse. */
static void expect_known(const char *name, mecai_result result)
{
    expect(result == MECAI_OK || result >= MECAI_ERR_INDEX, "%s as it should be gives %u", name, result);
}

static bool is_untouched(const void *place, size_t length)
{
    const unsigned char *octets = place;
    while (length > 0 && octets[length - 1] == 0xA5)
        length--;
    return length == 0;
}

static void check_error(mecai_result result, mecai_error *error, const char *label)
{
    mecai_result told = MECAI_OK;
    mecai_bytes sentence;
    if (result == MECAI_OK) {
        expect(error == NULL, "%s has an error", label);
        return;
    }
    expect(mecai_error_get(error, &told, &sentence) == MECAI_OK, "%s is no error", label);
    expect(told == result, "%s says %u, not %u", label, told, result);
    expect(sentence.len > 0 && sentence.data[sentence.len] == 0, "%s has no sentence", label);
    expect(mecai_error_free(error) == MECAI_OK, "%s cannot be freed", label);
}

static const char *directory;
static char serverinfo_path[4096], state_path[4096];
static struct file json, signatures, keys, bundle_der, answer_octets, leaf, issuer, report_json;

/* Good arguments, by the names of parameters. */
static const uint8_t octets_32[32] = {7};
static const uint8_t octets_4[4] = {192, 0, 2, 1};
static mecai_bytes chain[2], bundles[1];
static const mecai_bytes authorities[1] = {{octets_32, 8}};
#define NOW 1796126400
#define good_json json.data
#define good_json_len json.len
#define good_signatures signatures.data
#define good_signatures_len signatures.len
#define good_keys (const char *)keys.data
#define good_highest 0
#define good_der bundle_der.data
#define good_der_len bundle_der.len
#define good_answer answer_octets.data
#define good_answer_len answer_octets.len
#define good_certificates chain
#define good_certificates_len 2
#define good_spki_hash octets_32
#define good_spki_hash_len sizeof octets_32
#define good_secret octets_32
#define good_secret_len sizeof octets_32
#define good_certificate leaf.data
#define good_certificate_len leaf.len
#define good_digest octets_32
#define good_digest_len sizeof octets_32
#define good_hash octets_32
#define good_hash_len sizeof octets_32
#define good_octets answer_octets.data
#define good_octets_len answer_octets.len
#define good_handshake_key octets_32
#define good_handshake_key_len sizeof octets_32
#define good_key_proof octets_32
#define good_key_proof_len sizeof octets_32
#define good_bundles bundles
#define good_bundles_len 1
#define good_authorities authorities
#define good_authorities_len 1
#define good_body bundle_der.data
#define good_body_len bundle_der.len
#define good_directory directory
#define good_capacity 16
#define good_extension MECAI_EXTENSION_VOUCHERS
#define good_name "shop.example"
#define good_path serverinfo_path
#define good_sequence 7
#define good_text report_json.data
#define good_text_len report_json.len
#define good_alternate chain
#define good_alternate_len 2
#define good_reason "a root that nobody trusts"
#define good_meant "shop.example"
#define good_why "no route to host"
#define good_host "shop.example"
#define good_staged 0
#define good_first 60
#define good_longest 3600
#define good_retry_at 0
#define good_random 7
#define good_protocol 0
#define good_produced_at NOW
#define good_lifetime 86400
#define good_deadline (NOW + 60)
#define good_days 7
#define good_status 200
#define good_content_type "application/vnd.mecai.endorsement"
#define good_retry_after "120"
#define good_operator_id "operator-a"
#define good_address octets_4
#define good_address_len sizeof octets_4
#define good_machine "0123456789abcdef0123456789abcdef"
#define good_index 0
#define good_operator_index 0
#define good_authority_index 0
#define good_which 1
#define good_mode MECAI_MODE_REQUIRE
#define good_rule MECAI_ADDRESSES_NOTE
#define good_own MECAI_OWN_DANE
#define good_quorum 2
#define good_candidates 4
#define good_region "EU"
#define good_exemption "*.internal.example"
#define good_failover true
#define good_remembered true
#define good_reference "shop.example"
#define good_sni "shop.example"
#define good_port 443
#define good_now NOW

typedef mecai_result (*freeing)(void *);

static void *freed(void *handle, freeing free_it)
{
    expect(free_it(handle) == MECAI_OK, "a good handle cannot be freed");
    return handle;
}

/* Good handles, by their types: make_TYPE and free_TYPE. */
#define must(call)                                                                                                     \
    do {                                                                                                               \
        mecai_result must_work = (call);                                                                               \
        if (must_work != MECAI_OK) {                                                                                   \
            printf("%s: %s\n", #call, mecai_result_str(must_work));                                                    \
            exit(2);                                                                                                   \
        }                                                                                                              \
    } while (0)

static mecai_authority_list *make_mecai_authority_list(void)
{
    mecai_authority_list *list = NULL;
    must(mecai_authority_list_read(json.data, json.len, signatures.data, signatures.len, good_keys, 0, &list, NULL));
    return list;
}
#define free_mecai_authority_list mecai_authority_list_free

static mecai_policy_builder *make_mecai_policy_builder(void)
{
    mecai_policy_builder *builder = NULL;
    must(mecai_policy_builder_new(&builder, NULL));
    return builder;
}
#define free_mecai_policy_builder mecai_policy_builder_free

static mecai_policy *make_mecai_policy(void)
{
    mecai_policy_builder *builder = make_mecai_policy_builder();
    mecai_policy *policy = NULL;
    must(mecai_policy_builder_build(builder, &policy, NULL));
    must(mecai_policy_builder_free(builder));
    return policy;
}
#define free_mecai_policy mecai_policy_free

static mecai_verifier_builder *make_mecai_verifier_builder(void)
{
    mecai_verifier_builder *builder = NULL;
    mecai_policy *policy = make_mecai_policy();
    mecai_authority_list *list = make_mecai_authority_list();
    must(mecai_verifier_builder_new(&builder, NULL));
    must(mecai_verifier_builder_set_policy(builder, policy, NULL));
    must(mecai_verifier_builder_set_list(builder, list, NULL));
    must(mecai_policy_free(policy));
    must(mecai_authority_list_free(list));
    return builder;
}
#define free_mecai_verifier_builder mecai_verifier_builder_free

static mecai_verifier *make_mecai_verifier(void)
{
    mecai_verifier_builder *builder = make_mecai_verifier_builder();
    mecai_verifier *verifier = NULL;
    must(mecai_verifier_builder_build(builder, &verifier, NULL));
    must(mecai_verifier_builder_free(builder));
    return verifier;
}
#define free_mecai_verifier mecai_verifier_free

static mecai_handshake *make_mecai_handshake(void)
{
    mecai_handshake *handshake = NULL;
    must(mecai_handshake_new(&handshake, NULL));
    must(mecai_handshake_set_chain(handshake, chain, 2, NULL));
    must(mecai_handshake_add_reference(handshake, good_reference, NULL));
    return handshake;
}
#define free_mecai_handshake mecai_handshake_free

static mecai_verdict *make_mecai_verdict(void)
{
    mecai_verifier *verifier = make_mecai_verifier();
    mecai_handshake *handshake = make_mecai_handshake();
    mecai_verdict *verdict = NULL;
    uint32_t outcome;
    must(mecai_verifier_verify(verifier, handshake, NOW, &outcome, &verdict, NULL));
    must(mecai_verifier_free(verifier));
    must(mecai_handshake_free(handshake));
    return verdict;
}
#define free_mecai_verdict mecai_verdict_free

static mecai_bundle *make_mecai_bundle(void)
{
    mecai_bundle *bundle = NULL;
    must(mecai_bundle_parse(bundle_der.data, bundle_der.len, &bundle, NULL));
    return bundle;
}
#define free_mecai_bundle mecai_bundle_free

static mecai_error *make_mecai_error(void)
{
    mecai_error *error = NULL;
    mecai_bundle *bundle = NULL;
    if (mecai_bundle_parse(NULL, 0, &bundle, &error) == MECAI_OK)
        abort();
    return error;
}
#define free_mecai_error mecai_error_free

static mecai_answer *make_mecai_answer(void)
{
    mecai_answer *answer = NULL;
    must(mecai_answer_read_vouchers(answer_octets.data, answer_octets.len, &answer, NULL));
    return answer;
}
#define free_mecai_answer mecai_answer_free

static mecai_alternate *make_mecai_alternate(void)
{
    mecai_alternate *alternate = NULL;
    must(mecai_alternate_read(octets_32, sizeof octets_32, octets_32, sizeof octets_32, &alternate, NULL));
    return alternate;
}
#define free_mecai_alternate mecai_alternate_free

static mecai_backoff *make_mecai_backoff(void)
{
    mecai_backoff *backoff = NULL;
    must(mecai_backoff_new(60, 3600, &backoff, NULL));
    return backoff;
}
#define free_mecai_backoff mecai_backoff_free

static mecai_request_builder *make_mecai_request_builder(void)
{
    mecai_request_builder *builder = NULL;
    mecai_authority_list *list = make_mecai_authority_list();
    must(mecai_request_builder_new(&builder, NULL));
    must(mecai_request_builder_set_list(builder, list, NULL));
    must(mecai_request_builder_set_server(builder, good_host, good_port, NULL));
    must(mecai_request_builder_add_address(builder, octets_4, sizeof octets_4, NULL));
    must(mecai_request_builder_set_certificate(builder, octets_32, sizeof octets_32, NULL));
    must(mecai_request_builder_set_times(builder, NOW, good_lifetime, good_deadline, NULL));
    must(mecai_authority_list_free(list));
    return builder;
}
#define free_mecai_request_builder mecai_request_builder_free

static mecai_request *make_mecai_request(void)
{
    mecai_request_builder *builder = make_mecai_request_builder();
    mecai_request *request = NULL;
    must(mecai_request_builder_build(builder, &request, NULL));
    must(mecai_request_builder_free(builder));
    return request;
}
#define free_mecai_request mecai_request_free

static mecai_store *make_mecai_store(void)
{
    mecai_store *store = NULL;
    must(mecai_store_open(directory, 16, &store, NULL));
    return store;
}
#define free_mecai_store mecai_store_free

static mecai_digests *make_mecai_digests(void)
{
    mecai_store *store = make_mecai_store();
    mecai_digests *digests = NULL;
    must(mecai_store_certificates(store, &digests, NULL));
    must(mecai_store_free(store));
    return digests;
}
#define free_mecai_digests mecai_digests_free

static mecai_state *make_mecai_state(void)
{
    mecai_state *state = NULL;
    must(mecai_state_open(state_path, &state, NULL));
    return state;
}
#define free_mecai_state mecai_state_free

static mecai_report *make_mecai_report(void)
{
    mecai_report *report = NULL;
    must(mecai_report_parse(report_json.data, report_json.len, &report, NULL));
    return report;
}
#define free_mecai_report mecai_report_free

/* A handle of another type than this one. */
static mecai_bundle *other_bundle;
static mecai_policy *other_policy;

static void free_another_type(void)
{
    must(mecai_bundle_free(other_bundle));
    must(mecai_policy_free(other_policy));
    other_bundle = NULL;
    other_policy = NULL;
}

static void *another_type(const char *type)
{
    if (other_bundle == NULL) {
        other_bundle = make_mecai_bundle();
        other_policy = make_mecai_policy();
    }
    return strcmp(type, "mecai_bundle") == 0 ? (void *)other_policy : (void *)other_bundle;
}

static void misuse_all(void);

int main(int count, char **arguments)
{
    if (count != 2)
        return 2;
    directory = arguments[1];
    snprintf(serverinfo_path, sizeof serverinfo_path, "%s/serverinfo.pem", directory);
    snprintf(state_path, sizeof state_path, "%s/state", directory);
    if (mkdir(state_path, 0700) != 0)
        abort();
    json = read_file(arguments[1], "list.json");
    signatures = read_file(arguments[1], "list.json.minisig");
    keys = read_file(arguments[1], "keys");
    bundle_der = read_file(arguments[1], "bundle.der");
    answer_octets = read_file(arguments[1], "answer");
    leaf = read_file(arguments[1], "leaf.der");
    issuer = read_file(arguments[1], "issuer.der");
    report_json = read_file(arguments[1], "report.json");
    chain[0] = (mecai_bytes){leaf.data, leaf.len};
    chain[1] = (mecai_bytes){issuer.data, issuer.len};
    bundles[0] = (mecai_bytes){bundle_der.data, bundle_der.len};
    misuse_all();
    if (other_bundle != NULL)
        free_another_type();
    free(json.data);
    free(signatures.data);
    free(keys.data);
    free(bundle_der.data);
    free(answer_octets.data);
    free(leaf.data);
    free(issuer.data);
    free(report_json.data);
    return tell();
}
