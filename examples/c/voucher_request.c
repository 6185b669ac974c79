/* Asks all authorities of a list at once to vouch for a certificate, and puts their vouchers into a server's store.
 *
 *     voucher_request -l authorities.json -k 'KEYS' -c chain.pem -H www.shop.example -p 443 -A 192.0.2.10 \
 *         -d /var/lib/mecai/vouchers
 *
 * Every authority looks for itself whether the server shows this certificate at these addresses, so the server runs
 * already. Who cannot be reached is asked again, after pauses that grow, and not before an authority wants to be asked.
 * What everybody said is printed. Exit status: 0 if anybody vouches, 1 if nobody does, 2 for wrong arguments. A site's
 * vouchers live a day at most: `mecai agent` does all this again and again. */

#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <mecai.h>

#define FILE_MAX (1024 * 1024)
#define ADDRESSES_MAX 16
/* An answer counts if it comes within so many seconds. */
#define ANSWER_SECONDS 20
/* The pauses before somebody is asked again: the first one, and the longest. */
#define FIRST_PAUSE 2
#define LONGEST_PAUSE 60

/* What the command line says. Nothing in it is to be freed. */
struct arguments {
    const char *list, *keys, *chain, *host, *directory;
    const char *addresses[ADDRESSES_MAX];
    size_t address_count;
    unsigned long port, lifetime, patience;
};

/* What is known of one authority over all rounds. */
struct authority {
    unsigned char id[8];
    char operator_id[64];
    mecai_backoff *backoff;
    enum { OPEN, VOUCHES, REFUSES } state;
    char said[600];
};

/* One question under way. */
struct transfer {
    CURL *handle;
    struct curl_slist *headers;
    struct authority *authority;
    /* The authority's index in the request. */
    size_t index;
    char why[CURL_ERROR_SIZE];
    size_t length;
    /* One octet more than an answer may have, so that a longer one is seen as such. */
    unsigned char body[MECAI_ENDORSEMENT_MAX + 1];
};

/* Everything that the rounds share. */
struct asking {
    const struct arguments *arguments;
    mecai_authority_list *list;
    mecai_store *store;
    mecai_bytes certificate;
    unsigned char digest[32];
    struct authority *authorities;
    size_t authority_count;
};

static void usage(void)
{
    fputs("usage: voucher_request -l LIST -k KEYS -c CHAIN -H HOST [-p PORT] -A ADDRESS... -d STORE\n"
          "                       [-t SECONDS] [-w SECONDS]\n"
          "  -l  the authority list; its signatures are in LIST.minisig\n"
          "  -k  the minisign keys that must have signed it: 'KEY', or 'M of KEY, KEY'\n"
          "  -c  the server's chain, PEM; vouchers are for its first certificate\n"
          "  -A  an address at which the server shows it\n"
          "  -d  the directory that servers read vouchers from\n"
          "  -t  how long the vouchers are to live; a day, unless given\n"
          "  -w  how long those are asked again that fail; 30 seconds, unless given\n",
          stderr);
}

/* Whether a call worked. If it did not, tells what the library says, and frees that. */
static bool worked(const char *what, mecai_result result, mecai_error **error)
{
    mecai_bytes sentence = {NULL, 0};

    if (result == MECAI_OK)
        return true;
    if (mecai_error_get(*error, NULL, &sentence) == MECAI_OK)
        fprintf(stderr, "voucher_request: %s: %s\n", what, (const char *)sentence.data);
    else
        fprintf(stderr, "voucher_request: %s: %s\n", what, mecai_result_str(result));
    mecai_error_free(*error);
    *error = NULL;
    return false;
}

/* Reads a whole file; the caller frees it. NULL after a failure. */
static unsigned char *read_file(const char *path, size_t *length)
{
    FILE *stream = fopen(path, "rb");
    unsigned char *data = malloc(FILE_MAX);
    bool is_read = false;

    if (stream != NULL && data != NULL) {
        *length = fread(data, 1, FILE_MAX, stream);
        is_read = *length < FILE_MAX && !ferror(stream);
    }
    if (!is_read) {
        perror(path);
        free(data);
        data = NULL;
    }
    if (stream != NULL)
        fclose(stream);
    return data;
}

static bool read_list(struct asking *asking)
{
    const struct arguments *arguments = asking->arguments;
    mecai_error *error = NULL;
    unsigned char *json = NULL, *signatures = NULL;
    size_t json_length = 0, signatures_length = 0;
    char beside[4096];
    int length = snprintf(beside, sizeof beside, "%s.minisig", arguments->list);
    bool is_read = false;

    if (length > 0 && (size_t)length < sizeof beside && (json = read_file(arguments->list, &json_length)) != NULL &&
        (signatures = read_file(beside, &signatures_length)) != NULL)
        is_read = worked(arguments->list,
                         mecai_authority_list_read(json, json_length, signatures, signatures_length, arguments->keys,
                                                   0, &asking->list, &error),
                         &error);
    free(json);
    free(signatures);
    return is_read;
}

/* The first certificate of the chain, and its digest. What libcrypto gives is freed by OPENSSL_free. */
static bool read_certificate(struct asking *asking)
{
    const char *path = asking->arguments->chain;
    FILE *stream = fopen(path, "rb");
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    long length = 0;
    mecai_error *error = NULL;

    if (stream == NULL) {
        perror(path);
        return false;
    }
    if (PEM_read(stream, &name, &header, &data, &length) == 1 && strcmp(name, PEM_STRING_X509) == 0) {
        asking->certificate.data = data;
        asking->certificate.len = (size_t)length;
        data = NULL;
    } else {
        fprintf(stderr, "voucher_request: %s: it does not begin with a certificate\n", path);
        ERR_print_errors_fp(stderr);
    }
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    fclose(stream);
    return asking->certificate.data != NULL &&
           worked(path,
                  mecai_certificate_digest(asking->certificate.data, asking->certificate.len, asking->digest,
                                           sizeof asking->digest, &error),
                  &error);
}

static bool add_address(mecai_request_builder *builder, const char *text)
{
    unsigned char address[16];
    mecai_error *error = NULL;
    size_t length = 0;

    if (inet_pton(AF_INET, text, address) == 1)
        length = 4;
    else if (inet_pton(AF_INET6, text, address) == 1)
        length = 16;
    return worked(text, mecai_request_builder_add_address(builder, address, length, &error), &error);
}

/* The questions of a round; NULL after a failure. */
static mecai_request *make_request(const struct asking *asking)
{
    const struct arguments *arguments = asking->arguments;
    uint64_t now = (uint64_t)time(NULL);
    mecai_request_builder *builder = NULL;
    mecai_request *request = NULL;
    mecai_error *error = NULL;
    size_t index;
    bool is_set =
        worked("request", mecai_request_builder_new(&builder, &error), &error) &&
        worked("-l", mecai_request_builder_set_list(builder, asking->list, &error), &error) &&
        worked("-H", mecai_request_builder_set_server(builder, arguments->host, (uint16_t)arguments->port, &error),
               &error) &&
        worked("-c",
               mecai_request_builder_set_certificate(builder, asking->digest, sizeof asking->digest, &error), &error) &&
        worked("-t",
               mecai_request_builder_set_times(builder, now, arguments->lifetime, now + ANSWER_SECONDS, &error), &error);

    for (index = 0; is_set && index < arguments->address_count; index++)
        is_set = add_address(builder, arguments->addresses[index]);
    if (is_set)
        worked("request", mecai_request_builder_build(builder, &request, &error), &error);
    mecai_request_builder_free(builder);
    return request;
}

/* The authority with this id, which is added at need; NULL after a failure. There is room for all. */
static struct authority *find_authority(struct asking *asking, const mecai_request *request, size_t index)
{
    mecai_bytes id, operator_id;
    size_t operator_index, place;
    struct authority *authority;
    mecai_error *error = NULL;

    if (!worked("authority", mecai_request_authority(request, index, &operator_index, &id, &error), &error))
        return NULL;
    for (place = 0; place < asking->authority_count; place++)
        if (memcmp(asking->authorities[place].id, id.data, sizeof asking->authorities[place].id) == 0)
            return &asking->authorities[place];
    authority = &asking->authorities[asking->authority_count];
    memset(authority, 0, sizeof *authority);
    memcpy(authority->id, id.data, sizeof authority->id);
    if (!worked("operator",
                mecai_authority_list_operator(asking->list, operator_index, &operator_id, NULL, NULL, NULL, &error),
                &error) ||
        !worked("backoff", mecai_backoff_new(FIRST_PAUSE, LONGEST_PAUSE, &authority->backoff, &error), &error))
        return NULL;
    snprintf(authority->operator_id, sizeof authority->operator_id, "%s", (const char *)operator_id.data);
    snprintf(authority->said, sizeof authority->said, "was not asked");
    asking->authority_count++;
    return authority;
}

/* Keeps what comes, up to one octet too many; curl then ends the transfer. */
static size_t receive(char *octets, size_t size, size_t count, void *argument)
{
    struct transfer *transfer = argument;
    size_t more = size * count, room = sizeof transfer->body - transfer->length;
    size_t kept = more < room ? more : room;

    memcpy(transfer->body + transfer->length, octets, kept);
    transfer->length += kept;
    return kept;
}

static void end_transfer(struct transfer *transfer)
{
    if (transfer == NULL)
        return;
    curl_easy_cleanup(transfer->handle);
    curl_slist_free_all(transfer->headers);
    free(transfer);
}

/* One question, ready to be sent; NULL after a failure. */
static struct transfer *make_transfer(const mecai_request *request, size_t index)
{
    struct transfer *transfer = calloc(1, sizeof *transfer);
    mecai_bytes url, type, body;
    uint64_t deadline, now = (uint64_t)time(NULL);
    char header[128];
    mecai_error *error = NULL;
    CURL *handle;

    if (transfer == NULL || (transfer->handle = curl_easy_init()) == NULL ||
        !worked("question", mecai_request_question(request, index, &url, NULL, &type, &body, &deadline, &error), &error))
        goto failed;
    transfer->index = index;
    snprintf(header, sizeof header, "Content-Type: %s", (const char *)type.data);
    transfer->headers = curl_slist_append(NULL, header);
    handle = transfer->handle;
    /* curl keeps a copy of the URL; the body stays until the request is freed. */
    if (transfer->headers == NULL || curl_easy_setopt(handle, CURLOPT_PRIVATE, transfer) != CURLE_OK ||
        curl_easy_setopt(handle, CURLOPT_URL, (const char *)url.data) != CURLE_OK ||
        curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK ||
        curl_easy_setopt(handle, CURLOPT_HTTPHEADER, transfer->headers) != CURLE_OK ||
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, (const char *)body.data) != CURLE_OK ||
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE, (long)body.len) != CURLE_OK ||
        curl_easy_setopt(handle, CURLOPT_TIMEOUT, deadline > now ? (long)(deadline - now) : 1L) != CURLE_OK ||
        curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, transfer->why) != CURLE_OK ||
        curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, receive) != CURLE_OK ||
        curl_easy_setopt(handle, CURLOPT_WRITEDATA, transfer) != CURLE_OK)
        goto failed;
    return transfer;

failed:
    fputs("voucher_request: a question cannot be sent\n", stderr);
    end_transfer(transfer);
    return NULL;
}

/* Hands what came of a question to the library, which judges it: MECAI_OK is a good endorsement. */
static mecai_result reply(mecai_request *request, struct transfer *transfer, CURLcode outcome)
{
    struct curl_header *retry_after = NULL;
    const char *type = NULL;
    long status = 0;
    bool is_too_long = outcome == CURLE_WRITE_ERROR && transfer->length == sizeof transfer->body;

    if (outcome == CURLE_OPERATION_TIMEDOUT)
        return mecai_request_timed_out(request, transfer->index, NULL);
    if ((outcome != CURLE_OK && !is_too_long) ||
        curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK ||
        curl_easy_getinfo(transfer->handle, CURLINFO_CONTENT_TYPE, &type) != CURLE_OK || status < 0 || status > 999)
        return mecai_request_unreachable(request, transfer->index,
                                         transfer->why[0] != '\0' ? transfer->why : curl_easy_strerror(outcome), NULL);
    if (curl_easy_header(transfer->handle, "Retry-After", 0, CURLH_HEADER, -1, &retry_after) != CURLHE_OK)
        retry_after = NULL;
    return mecai_request_answer(request, transfer->index, (uint16_t)status, type,
                                retry_after == NULL ? NULL : retry_after->value, transfer->body, transfer->length,
                                (uint64_t)time(NULL), NULL);
}

/* Notes what an authority said, and when it may be asked again. */
static bool note(const mecai_request *request, size_t index, struct authority *authority, mecai_result result)
{
    mecai_bytes code, sentence;
    bool concerns_authority = false;
    uint64_t retry_at = 0;
    uint32_t chance = 0;
    mecai_error *error = NULL;

    if (result == MECAI_OK) {
        authority->state = VOUCHES;
        return worked("backoff", mecai_backoff_succeeded(authority->backoff, &error), &error);
    }
    if (!worked("answer",
                mecai_request_failure(request, index, &code, &sentence, &concerns_authority, &retry_at, &error),
                &error))
        return false;
    snprintf(authority->said, sizeof authority->said, "%s: %s", (const char *)code.data, (const char *)sentence.data);
    /* What is about this very question stays so until something changes at the server. */
    if (!concerns_authority && retry_at == 0)
        authority->state = REFUSES;
    return RAND_bytes((unsigned char *)&chance, sizeof chance) == 1 &&
           worked("backoff",
                  mecai_backoff_failed(authority->backoff, retry_at, (uint64_t)time(NULL), chance, &error), &error);
}

/* Makes the questions that are due and hands them to curl, each in the place of its authority. */
static bool begin(struct asking *asking, const mecai_request *request, CURLM *multi, struct transfer **transfers,
                  size_t count)
{
    mecai_error *error = NULL;
    size_t index;

    for (index = 0; index < count; index++) {
        struct authority *authority = find_authority(asking, request, index);
        bool may_ask = false;

        if (authority == NULL ||
            !worked("backoff", mecai_backoff_may_ask(authority->backoff, (uint64_t)time(NULL), &may_ask, &error),
                    &error))
            return false;
        if (authority->state != OPEN || !may_ask)
            continue;
        transfers[index] = make_transfer(request, index);
        if (transfers[index] == NULL)
            return false;
        transfers[index]->authority = authority;
        if (curl_multi_add_handle(multi, transfers[index]->handle) != CURLM_OK)
            return false;
    }
    return true;
}

/* Carries the questions, and notes every answer as it comes: each is there at its deadline at the latest. */
static bool drive(mecai_request *request, CURLM *multi)
{
    int running = 0, left;
    CURLMsg *message;

    do {
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            return false;
        while ((message = curl_multi_info_read(multi, &left)) != NULL) {
            CURLcode outcome = message->data.result;
            char *private = NULL;
            struct transfer *transfer;

            if (message->msg != CURLMSG_DONE ||
                curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private) != CURLE_OK)
                return false;
            transfer = (struct transfer *)(void *)private;
            if (!note(request, transfer->index, transfer->authority, reply(request, transfer, outcome)))
                return false;
        }
        if (running > 0 && curl_multi_poll(multi, NULL, 0, 1000, NULL) != CURLM_OK)
            return false;
    } while (running > 0);
    return true;
}

/* Sends the questions that are due, all at once, and notes every answer. */
static bool ask(struct asking *asking, mecai_request *request, CURLM *multi)
{
    size_t count = 0, index;
    mecai_error *error = NULL;
    struct transfer **transfers = NULL;
    bool is_well = worked("request", mecai_request_counts(request, &count, NULL, NULL, &error), &error);

    is_well = is_well && (transfers = calloc(count, sizeof *transfers)) != NULL &&
              begin(asking, request, multi, transfers, count) && drive(request, multi);
    for (index = 0; transfers != NULL && index < count; index++) {
        if (transfers[index] != NULL)
            curl_multi_remove_handle(multi, transfers[index]->handle);
        end_transfer(transfers[index]);
    }
    free(transfers);
    if (!is_well)
        fputs("voucher_request: the round was not finished\n", stderr);
    return is_well;
}

/* Puts the vouchers of a round into the store. */
static bool keep(const struct asking *asking, const mecai_request *request)
{
    mecai_bundle *bundle = NULL;
    mecai_error *error = NULL;
    mecai_bytes der = {NULL, 0};
    mecai_result result = mecai_request_bundle(request, &bundle, NULL, &error);
    bool is_kept;

    if (result == MECAI_ERR_NONE) {
        mecai_error_free(error);
        return true;
    }
    is_kept = worked("vouchers", result, &error) && worked("vouchers", mecai_bundle_der(bundle, &der, &error), &error) &&
              worked(asking->arguments->directory,
                     mecai_store_add_bundles(asking->store, asking->digest, sizeof asking->digest, &der, 1,
                                             (uint64_t)time(NULL), NULL, &error),
                     &error);
    mecai_bundle_free(bundle);
    return is_kept;
}

/* When the next of those may be asked that have not answered well; 0 if there are none. */
static uint64_t next_attempt(const struct asking *asking)
{
    uint64_t next = 0, at;
    size_t index;

    for (index = 0; index < asking->authority_count; index++)
        if (asking->authorities[index].state == OPEN &&
            mecai_backoff_next_attempt(asking->authorities[index].backoff, &at, NULL, NULL) == MECAI_OK &&
            (next == 0 || at < next))
            next = at;
    return next;
}

/* Room for all authorities of the list. */
static bool make_room(struct asking *asking)
{
    size_t operators = 0, more = 0, count = 0, index;
    mecai_error *error = NULL;

    if (!worked("list", mecai_authority_list_operator_count(asking->list, &operators, &error), &error))
        return false;
    for (index = 0; index < operators; index++) {
        if (!worked("list", mecai_authority_list_operator(asking->list, index, NULL, NULL, NULL, &more, &error), &error))
            return false;
        count += more;
    }
    asking->authorities = calloc(count + 1, sizeof *asking->authorities);
    return asking->authorities != NULL;
}

/* Round after round, until all have answered or patience is at its end. */
static bool ask_all(struct asking *asking, CURLM *multi)
{
    uint64_t end = (uint64_t)time(NULL) + asking->arguments->patience, next, now;

    do {
        mecai_request *request = make_request(asking);
        bool is_well = request != NULL && ask(asking, request, multi) && keep(asking, request);

        mecai_request_free(request);
        if (!is_well)
            return false;
        next = next_attempt(asking);
        now = (uint64_t)time(NULL);
        if (next > now && next <= end)
            sleep((unsigned)(next - now));
    } while (next != 0 && next <= end);
    return true;
}

/* Tells what everybody said; gives how many vouch. */
static size_t tell(const struct asking *asking)
{
    size_t index, vouching = 0;

    for (index = 0; index < asking->authority_count; index++) {
        const struct authority *authority = &asking->authorities[index];

        if (authority->state == VOUCHES)
            vouching++;
        printf("%s: %s\n", authority->operator_id, authority->state == VOUCHES ? "vouches" : authority->said);
    }
    printf("%zu of %zu authorities vouch\n", vouching, asking->authority_count);
    return vouching;
}

static bool number(const char *text, unsigned long most, unsigned long *value)
{
    char *rest;

    if (*text < '0' || *text > '9')
        return false;
    *value = strtoul(text, &rest, 10);
    return *rest == '\0' && *value <= most;
}

static bool read_arguments(int argc, char **argv, struct arguments *arguments)
{
    int option;

    arguments->port = 443;
    arguments->lifetime = 86400;
    arguments->patience = 30;
    while ((option = getopt(argc, argv, "l:k:c:H:p:A:d:t:w:")) != -1) {
        bool is_read = true;

        switch (option) {
        case 'l': arguments->list = optarg; break;
        case 'k': arguments->keys = optarg; break;
        case 'c': arguments->chain = optarg; break;
        case 'H': arguments->host = optarg; break;
        case 'd': arguments->directory = optarg; break;
        case 'p': is_read = number(optarg, 65535, &arguments->port); break;
        case 't': is_read = number(optarg, 86400, &arguments->lifetime); break;
        case 'w': is_read = number(optarg, 86400, &arguments->patience); break;
        case 'A':
            is_read = arguments->address_count < ADDRESSES_MAX;
            if (is_read)
                arguments->addresses[arguments->address_count++] = optarg;
            break;
        default: is_read = false;
        }
        if (!is_read)
            return false;
    }
    return optind == argc && arguments->list != NULL && arguments->keys != NULL && arguments->chain != NULL &&
           arguments->host != NULL && arguments->address_count > 0 && arguments->directory != NULL;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct asking asking = {0};
    mecai_error *error = NULL;
    CURLM *multi = NULL;
    size_t index, vouching = 0;
    bool is_well;

    if (!read_arguments(argc, argv, &arguments)) {
        usage();
        return 2;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return 1;
    asking.arguments = &arguments;
    is_well = (multi = curl_multi_init()) != NULL && read_list(&asking) && read_certificate(&asking) &&
              worked(arguments.directory, mecai_store_open(arguments.directory, 1, &asking.store, &error), &error) &&
              make_room(&asking) && ask_all(&asking, multi);
    if (asking.authorities != NULL)
        vouching = tell(&asking);
    for (index = 0; index < asking.authority_count; index++)
        mecai_backoff_free(asking.authorities[index].backoff);
    free(asking.authorities);
    mecai_store_free(asking.store);
    mecai_authority_list_free(asking.list);
    OPENSSL_free((void *)asking.certificate.data);
    curl_multi_cleanup(multi);
    curl_global_cleanup();
    return is_well && vouching > 0 && fflush(stdout) == 0 ? 0 : 1;
}
