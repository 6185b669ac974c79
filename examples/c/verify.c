/* Judges a server from files, without a connection: would a client believe this chain, with these vouchers, for this
 * host, at this time?
 *
 *     verify -l authorities.json -k 'KEYS' -c chain.pem -a answer -H www.shop.example
 *
 * The verdict is printed with every value that was compared. Exit status: 0 accepted, 4 refused, 5 let through although
 * the rules were missed (-m observe), 6 not judged; 2 for wrong arguments, and 1 where no verdict was come to.
 *
 * MECAI judges what a program has verified already: that the certificates of the chain sign each other, up to a root
 * that is trusted, is taken for granted here. `openssl verify` tells that. */

#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <mecai.h>

enum { ACCEPTED = 0, FAILED = 1, USAGE = 2, REFUSED = 4, UNVOUCHED = 5, EXEMPT = 6 };

/* Longer files than this are none of ours. */
#define FILE_MAX (1024 * 1024)
/* The most certificates of a chain, and the most names, that MECAI takes. */
#define CHAIN_MAX 32
#define BUNDLES_MAX 16

/* What the command line says. Nothing in it is to be freed. */
struct arguments {
    const char *list, *keys, *secret, *machine, *answer;
    const char *chain[CHAIN_MAX];
    size_t chain_count;
    const char *hosts[MECAI_REFERENCES_MAX];
    size_t host_count;
    const char *bundles[BUNDLES_MAX];
    size_t bundle_count;
    const char *peer;
    uint16_t port;
    uint32_t mode, addresses;
    size_t quorum, candidates;
    uint64_t now;
};

/* The octets of a file, or of a part of one. A NUL that `length` does not count follows them. */
struct octets {
    unsigned char *data;
    size_t length;
};

static void usage(void)
{
    fputs("usage: verify -l LIST -k KEYS -c CHAIN [-a ANSWER | -b BUNDLE...] -H HOST [-p PORT]\n"
          "              [-P ADDRESS] [-t SECONDS] [-s SECRET [-i MACHINE-ID]]\n"
          "              [-m require|opportunistic|observe] [-q QUORUM/CANDIDATES] [-r note|require|ignore]\n"
          "  -l  the authority list; its signatures are in LIST.minisig\n"
          "  -k  the minisign keys that must have signed it: 'KEY', or 'M of KEY, KEY'\n"
          "  -c  the chain, end entity first, trust anchor last: PEM, or DER with one -c for each certificate\n"
          "  -a  what the server answered to extension 0xFF4D; without it, it did not answer\n"
          "  -b  or a bundle of vouchers that it sent, DER\n"
          "  -H  the host that is meant; -p the port; -P the address that answered\n"
          "  -t  the time, in seconds since 1970; now, unless given\n"
          "  -s  the 32 octets of the client's secret; without it, more than half of all operators must have vouched\n"
          "  -q  how many of so many picked operators must have vouched: 2/4 unless given\n"
          "  -r  what is done about an address that no authority saw\n",
          stderr);
}

/* Whether a call worked. If it did not, tells what the library says, and frees that. */
static bool worked(const char *what, mecai_result result, mecai_error **error)
{
    mecai_bytes sentence = {NULL, 0};

    if (result == MECAI_OK)
        return true;
    if (mecai_error_get(*error, NULL, &sentence) == MECAI_OK)
        fprintf(stderr, "verify: %s: %s (%s)\n", what, (const char *)sentence.data, mecai_result_str(result));
    else
        fprintf(stderr, "verify: %s: %s\n", what, mecai_result_str(result));
    mecai_error_free(*error);
    *error = NULL;
    return false;
}

/* Reads a whole file; the caller frees `file->data`. */
static bool read_file(const char *path, struct octets *file)
{
    FILE *stream = fopen(path, "rb");
    bool is_read = false;

    file->data = malloc(FILE_MAX + 1);
    if (stream != NULL && file->data != NULL) {
        file->length = fread(file->data, 1, FILE_MAX, stream);
        file->data[file->length] = '\0';
        is_read = file->length < FILE_MAX && !ferror(stream);
    }
    if (!is_read) {
        perror(path);
        free(file->data);
        file->data = NULL;
    }
    if (stream != NULL)
        fclose(stream);
    return is_read;
}

static mecai_authority_list *read_list(const struct arguments *arguments)
{
    mecai_authority_list *list = NULL;
    mecai_error *error = NULL;
    struct octets json = {NULL, 0}, signatures = {NULL, 0};
    char beside[4096];
    int length = snprintf(beside, sizeof beside, "%s.minisig", arguments->list);

    /* A program that goes on keeps the highest sequence that it has used, and gives it here in place of 0, so that
     * nobody can put an older list in the place of a newer one: mecai_state does that. */
    if (length > 0 && (size_t)length < sizeof beside && read_file(arguments->list, &json) &&
        read_file(beside, &signatures))
        worked(arguments->list,
               mecai_authority_list_read(json.data, json.length, signatures.data, signatures.length, arguments->keys,
                                         0, &list, &error),
               &error);
    free(json.data);
    free(signatures.data);
    return list;
}

static mecai_policy *make_policy(const struct arguments *arguments)
{
    mecai_policy_builder *builder = NULL;
    mecai_policy *policy = NULL;
    mecai_error *error = NULL;

    /* A new builder demands what is good for nearly everybody; here only what the arguments say is changed. */
    if (worked("policy", mecai_policy_builder_new(&builder, &error), &error) &&
        worked("-m", mecai_policy_builder_set_mode(builder, arguments->mode, &error), &error) &&
        worked("-r", mecai_policy_builder_set_addresses(builder, arguments->addresses, &error), &error) &&
        worked("-q", mecai_policy_builder_set_quorum(builder, arguments->quorum, arguments->candidates, &error),
               &error))
        worked("policy", mecai_policy_builder_build(builder, &policy, &error), &error);
    mecai_policy_builder_free(builder);
    return policy;
}

static bool set_secret(mecai_verifier_builder *builder, const struct arguments *arguments)
{
    mecai_error *error = NULL;
    struct octets secret = {NULL, 0}, machine = {NULL, 0};
    bool is_set = false;

    if (arguments->secret == NULL)
        return true;
    if (read_file(arguments->secret, &secret) && read_file(arguments->machine, &machine))
        is_set = worked(arguments->secret,
                        mecai_verifier_builder_set_secret(builder, secret.data, secret.length,
                                                          (const char *)machine.data, &error),
                        &error);
    if (secret.data != NULL)
        OPENSSL_cleanse(secret.data, secret.length);
    free(secret.data);
    free(machine.data);
    return is_set;
}

static mecai_verifier *make_verifier(const struct arguments *arguments)
{
    mecai_authority_list *list = read_list(arguments);
    mecai_policy *policy = list == NULL ? NULL : make_policy(arguments);
    mecai_verifier_builder *builder = NULL;
    mecai_verifier *verifier = NULL;
    mecai_error *error = NULL;

    if (policy != NULL && worked("verifier", mecai_verifier_builder_new(&builder, &error), &error) &&
        worked("verifier", mecai_verifier_builder_set_policy(builder, policy, &error), &error) &&
        worked("verifier", mecai_verifier_builder_set_list(builder, list, &error), &error) &&
        set_secret(builder, arguments))
        worked("verifier", mecai_verifier_builder_build(builder, &verifier, &error), &error);
    mecai_verifier_builder_free(builder);
    mecai_policy_free(policy);
    mecai_authority_list_free(list);
    return verifier;
}

/* Appends the certificates of a PEM file. What libcrypto gives is freed by OPENSSL_free. */
static bool read_pem(const char *path, mecai_bytes *chain, size_t *count)
{
    FILE *stream = fopen(path, "rb");
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    long length = 0;
    size_t before = *count;
    bool is_whole;

    if (stream == NULL) {
        perror(path);
        return false;
    }
    while (*count < CHAIN_MAX && PEM_read(stream, &name, &header, &data, &length) == 1) {
        if (strcmp(name, PEM_STRING_X509) == 0) {
            chain[*count].data = data;
            chain[*count].len = (size_t)length;
            *count += 1;
            data = NULL;
        }
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(data);
        name = header = NULL;
        data = NULL;
    }
    /* It is read to its end only if OpenSSL looked for a further certificate, and there was none. */
    is_whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE && !ferror(stream);
    if (!is_whole && *count == CHAIN_MAX)
        fprintf(stderr, "verify: %s: a chain has less than %d certificates\n", path, CHAIN_MAX);
    else if (!is_whole)
        ERR_print_errors_fp(stderr);
    else if (*count == before)
        fprintf(stderr, "verify: %s: there is no certificate in it\n", path);
    ERR_clear_error();
    fclose(stream);
    return is_whole && *count > before;
}

/* Appends the certificate of a DER file. */
static bool read_der(const char *path, const struct octets *file, mecai_bytes *chain, size_t *count)
{
    unsigned char *copy = *count < CHAIN_MAX ? OPENSSL_memdup(file->data, file->length) : NULL;

    if (copy == NULL) {
        fprintf(stderr, "verify: %s: %s\n", path, *count < CHAIN_MAX ? "no memory" : "too many certificates");
        return false;
    }
    chain[*count].data = copy;
    chain[*count].len = file->length;
    *count += 1;
    return true;
}

static bool set_chain(mecai_handshake *handshake, const struct arguments *arguments)
{
    mecai_bytes chain[CHAIN_MAX];
    size_t count = 0, index;
    mecai_error *error = NULL;
    bool is_set = true;

    for (index = 0; is_set && index < arguments->chain_count; index++) {
        struct octets file;

        if (!(is_set = read_file(arguments->chain[index], &file)))
            break;
        /* DER begins with the tag of a SEQUENCE, a letter that no PEM file begins with. */
        if (file.length > 0 && file.data[0] == 0x30)
            is_set = read_der(arguments->chain[index], &file, chain, &count);
        else
            is_set = read_pem(arguments->chain[index], chain, &count);
        free(file.data);
    }
    is_set = is_set && worked("chain", mecai_handshake_set_chain(handshake, chain, count, &error), &error);
    for (index = 0; index < count; index++)
        OPENSSL_free((void *)chain[index].data);
    return is_set;
}

static bool set_names(mecai_handshake *handshake, const struct arguments *arguments)
{
    mecai_error *error = NULL;
    size_t index;

    for (index = 0; index < arguments->host_count; index++) {
        const char *host = arguments->hosts[index];

        if (!worked(host, mecai_handshake_add_reference(handshake, host, &error), &error))
            return false;
    }
    return worked("-H", mecai_handshake_set_sni(handshake, arguments->hosts[0], &error), &error);
}

static bool set_peer(mecai_handshake *handshake, const struct arguments *arguments)
{
    unsigned char address[16];
    size_t length = 0;
    mecai_error *error = NULL;

    if (arguments->peer != NULL) {
        if (inet_pton(AF_INET, arguments->peer, address) == 1)
            length = 4;
        else if (inet_pton(AF_INET6, arguments->peer, address) == 1)
            length = 16;
        else {
            fprintf(stderr, "verify: -P %s: that is no address\n", arguments->peer);
            return false;
        }
    }
    return worked("-P", mecai_handshake_set_peer(handshake, address, length, arguments->port, &error), &error);
}

/* Writes the answer that has these bundles in it, as a server would. */
static bool set_bundles(mecai_handshake *handshake, const struct arguments *arguments)
{
    struct octets files[BUNDLES_MAX];
    mecai_bytes bundles[BUNDLES_MAX], octets = {NULL, 0};
    mecai_answer *answer = NULL;
    mecai_error *error = NULL;
    size_t count, index;
    bool is_set;

    for (count = 0; count < arguments->bundle_count; count++) {
        if (!read_file(arguments->bundles[count], &files[count]))
            break;
        bundles[count].data = files[count].data;
        bundles[count].len = files[count].length;
    }
    is_set = count == arguments->bundle_count &&
             worked("-b", mecai_answer_write_vouchers(bundles, count, &answer, &error), &error) &&
             worked("-b", mecai_answer_octets(answer, NULL, &octets, &error), &error) &&
             worked("-b", mecai_handshake_set_vouchers(handshake, octets.data, octets.len, &error), &error);
    mecai_answer_free(answer);
    for (index = 0; index < count; index++)
        free(files[index].data);
    return is_set;
}

static bool set_answer(mecai_handshake *handshake, const struct arguments *arguments)
{
    struct octets answer = {NULL, 0};
    mecai_error *error = NULL;
    bool is_set;

    if (arguments->bundle_count > 0)
        return set_bundles(handshake, arguments);
    if (arguments->answer == NULL)
        return true;
    if (!read_file(arguments->answer, &answer))
        return false;
    is_set = worked(arguments->answer,
                    mecai_handshake_set_vouchers(handshake, answer.data, answer.length, &error), &error);
    free(answer.data);
    return is_set;
}

static void print_time(const char *what, uint64_t seconds)
{
    time_t time = (time_t)seconds;
    struct tm parts;
    char text[32] = "beyond all calendars";

    if (gmtime_r(&time, &parts) != NULL)
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    printf("  %-22s %s\n", what, text);
}

static void print_hex(const char *what, mecai_bytes value)
{
    size_t index;

    printf("  %-22s ", what);
    for (index = 0; index < value.len; index++)
        printf("%02x", value.data[index]);
    putchar('\n');
}

/* Everything that the verdict knows: a verdict has only those values that led to it. */
static void print_values(const mecai_verdict *verdict)
{
    static const struct {
        uint32_t which;
        const char *name;
        enum { TEXT, OCTETS, ADDRESS } kind;
    } values[] = {
        {MECAI_VALUE_NAME, "judged for", TEXT},
        {MECAI_VALUE_STATED_HOST, "vouched for host", TEXT},
        {MECAI_VALUE_MEANT_HOST, "meant host", TEXT},
        {MECAI_VALUE_STATED_CERTIFICATE, "vouched certificate", OCTETS},
        {MECAI_VALUE_SHOWN_CERTIFICATE, "shown certificate", OCTETS},
        {MECAI_VALUE_ANCHOR, "trust anchor's key", OCTETS},
        {MECAI_VALUE_AUTHORITY, "authority", OCTETS},
        {MECAI_VALUE_OPERATOR, "operator", TEXT},
        {MECAI_VALUE_PEER, "peer", ADDRESS},
    };
    static const struct {
        uint32_t which;
        const char *name;
        enum { NUMBER, TIME } kind;
    } numbers[] = {
        {MECAI_NUMBER_STATED_PORT, "vouched for port", NUMBER},
        {MECAI_NUMBER_MEANT_PORT, "meant port", NUMBER},
        {MECAI_NUMBER_MADE, "made", TIME},
        {MECAI_NUMBER_ENDS, "ends", TIME},
        {MECAI_NUMBER_BEGINS, "begins", TIME},
        {MECAI_NUMBER_NOW, "now", TIME},
        {MECAI_NUMBER_OPERATORS, "operators counted", NUMBER},
        {MECAI_NUMBER_REQUIRED, "operators required", NUMBER},
        {MECAI_NUMBER_SENT, "endorsements sent", NUMBER},
        {MECAI_NUMBER_UNTIL, "resumption until", TIME},
        {MECAI_NUMBER_STAY_DAYS, "promised days", NUMBER},
        {MECAI_NUMBER_STAY_MADE, "promised", TIME},
    };
    size_t index;
    mecai_bytes value;
    uint64_t number;
    char address[INET6_ADDRSTRLEN];

    for (index = 0; index < sizeof values / sizeof *values; index++) {
        if (mecai_verdict_value(verdict, values[index].which, &value, NULL) != MECAI_OK)
            continue;
        if (values[index].kind == TEXT)
            printf("  %-22s %s\n", values[index].name, (const char *)value.data);
        else if (values[index].kind == ADDRESS &&
                 inet_ntop(value.len == 4 ? AF_INET : AF_INET6, value.data, address, sizeof address) != NULL)
            printf("  %-22s %s\n", values[index].name, address);
        else
            print_hex(values[index].name, value);
    }
    for (index = 0; index < sizeof numbers / sizeof *numbers; index++) {
        if (mecai_verdict_number(verdict, numbers[index].which, &number, NULL) != MECAI_OK)
            continue;
        if (numbers[index].kind == TIME)
            print_time(numbers[index].name, number);
        else
            printf("  %-22s %llu\n", numbers[index].name, (unsigned long long)number);
    }
}

static void print_notes(const mecai_verdict *verdict)
{
    static const struct {
        uint32_t note;
        const char *name;
    } names[] = {
        {MECAI_NOTE_PEER_UNKNOWN, "peer_unknown"},         {MECAI_NOTE_PORT_NOT_COMPARED, "port_not_compared"},
        {MECAI_NOTE_ADDRESS_NOT_SEEN, "address_not_seen"}, {MECAI_NOTE_REGION_WIDENED, "region_widened"},
        {MECAI_NOTE_NO_SECRET, "no_secret"},
    };
    bool alarm = false;
    uint32_t notes = 0;
    size_t index;

    if (mecai_verdict_notes(verdict, &alarm, &notes, NULL, NULL) != MECAI_OK)
        return;
    for (index = 0; index < sizeof names / sizeof *names; index++)
        if ((notes & names[index].note) != 0)
            printf("  %-22s %s\n", "note", names[index].name);
    if (alarm)
        printf("  %-22s %s\n", "alarm", "somebody holds vouchers that do not belong here");
}

/* The whole verdict; gives the exit status that goes with it. */
static int tell(uint32_t outcome, const mecai_verdict *verdict)
{
    mecai_error *error = NULL;
    mecai_bytes sentence = {NULL, 0};
    const char *word = "refused";
    uint32_t code = 0;
    int status = REFUSED;

    if (!worked("verdict", mecai_verdict_get(verdict, NULL, &code, &sentence, &error), &error))
        return FAILED;
    /* Only that number means accepted, whatever else is there. */
    if (outcome == MECAI_ACCEPTED) {
        word = "accepted";
        status = ACCEPTED;
    } else if (outcome == MECAI_UNVOUCHED) {
        word = "unvouched";
        status = UNVOUCHED;
    } else if (outcome == MECAI_EXEMPT) {
        word = "exempt";
        status = EXEMPT;
    }
    printf("%s: %s: %s\n", word, mecai_code_str(code), (const char *)sentence.data);
    print_values(verdict);
    print_notes(verdict);
    /* A verdict that could not be written is none that anybody may rely on. */
    if (fflush(stdout) != 0) {
        perror("verify");
        return FAILED;
    }
    return status;
}

static int judge(const struct arguments *arguments)
{
    mecai_verifier *verifier = make_verifier(arguments);
    mecai_handshake *handshake = NULL;
    mecai_verdict *verdict = NULL;
    mecai_error *error = NULL;
    uint32_t outcome = MECAI_REFUSED;
    int status = FAILED;

    if (verifier != NULL && worked("handshake", mecai_handshake_new(&handshake, &error), &error) &&
        set_chain(handshake, arguments) && set_names(handshake, arguments) && set_peer(handshake, arguments) &&
        set_answer(handshake, arguments) &&
        worked("verify",
               mecai_verifier_verify(verifier, handshake, arguments->now, &outcome, &verdict, &error), &error))
        status = tell(outcome, verdict);
    mecai_verdict_free(verdict);
    mecai_handshake_free(handshake);
    mecai_verifier_free(verifier);
    return status;
}

/* A decimal number up to `most`, and nothing behind it but `end`. */
static bool number(const char *text, char end, unsigned long long most, unsigned long long *value)
{
    char *rest;

    if (*text < '0' || *text > '9')
        return false;
    *value = strtoull(text, &rest, 10);
    return *rest == end && *value <= most;
}

/* The number that goes with one of three words; 0 if it is none of them. */
static uint32_t word(const char *text, const char *const words[3], const uint32_t numbers[3])
{
    for (int index = 0; index < 3; index++)
        if (strcmp(text, words[index]) == 0)
            return numbers[index];
    return 0;
}

static bool read_option(int option, const char *value, struct arguments *arguments)
{
    static const char *const modes[] = {"require", "opportunistic", "observe"};
    static const uint32_t mode_numbers[] = {MECAI_MODE_REQUIRE, MECAI_MODE_OPPORTUNISTIC, MECAI_MODE_OBSERVE};
    static const char *const rules[] = {"note", "require", "ignore"};
    static const uint32_t rule_numbers[] = {MECAI_ADDRESSES_NOTE, MECAI_ADDRESSES_REQUIRE, MECAI_ADDRESSES_IGNORE};
    unsigned long long first = 0, second = 0;
    const char *slash;

    switch (option) {
    case 'l': arguments->list = value; return true;
    case 'k': arguments->keys = value; return true;
    case 's': arguments->secret = value; return true;
    case 'i': arguments->machine = value; return true;
    case 'a': arguments->answer = value; return true;
    case 'P': arguments->peer = value; return true;
    case 'c':
        if (arguments->chain_count == CHAIN_MAX)
            return false;
        arguments->chain[arguments->chain_count++] = value;
        return true;
    case 'b':
        if (arguments->bundle_count == BUNDLES_MAX)
            return false;
        arguments->bundles[arguments->bundle_count++] = value;
        return true;
    case 'H':
        if (arguments->host_count == MECAI_REFERENCES_MAX)
            return false;
        arguments->hosts[arguments->host_count++] = value;
        return true;
    case 'p':
        if (!number(value, '\0', 65535, &first))
            return false;
        arguments->port = (uint16_t)first;
        return true;
    case 't':
        if (!number(value, '\0', INT64_MAX, &first))
            return false;
        arguments->now = first;
        return true;
    case 'q':
        slash = strchr(value, '/');
        if (slash == NULL || !number(value, '/', 31, &first) || !number(slash + 1, '\0', 31, &second))
            return false;
        arguments->quorum = (size_t)first;
        arguments->candidates = (size_t)second;
        return true;
    case 'm': return (arguments->mode = word(value, modes, mode_numbers)) != 0;
    case 'r': return (arguments->addresses = word(value, rules, rule_numbers)) != 0;
    default: return false;
    }
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.machine = "/etc/machine-id", .mode = MECAI_MODE_REQUIRE,
                                  .addresses = MECAI_ADDRESSES_NOTE, .quorum = 2, .candidates = 4};
    int option;

    arguments.now = (uint64_t)time(NULL);
    while ((option = getopt(argc, argv, "l:k:c:a:b:H:p:P:t:s:i:m:q:r:")) != -1) {
        if (!read_option(option, optarg, &arguments)) {
            usage();
            return USAGE;
        }
    }
    if (optind != argc || (arguments.answer != NULL && arguments.bundle_count > 0) || arguments.list == NULL ||
        arguments.keys == NULL || arguments.chain_count == 0 || arguments.host_count == 0) {
        usage();
        return USAGE;
    }
    return judge(&arguments);
}
