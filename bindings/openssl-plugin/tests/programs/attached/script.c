/* Does what its arguments say, one after the other, and prints what came of each.
   usage: script COMMAND… ROOT CERTIFICATE KEY
     client KEY VALUE… .   attaches the client's context        server KEY VALUE… .   the server's
     other KEY VALUE… .    gives the server a second context, attached, which it turns to when it sees the name
     fresh                 begins with new contexts             version 1.2|1.3       of the handshakes from now on
     mode NUMBER           of the next connection               peer ADDRESS|- PORT   of the next connection
     name NAME             that the client sends                resume                offers the last session next
     own                   puts the program's own verify callback in place
     shake                 a handshake in memory                connect ADDRESS       one with whoever listens there
     hide                  the next connection's server shows nothing
     dup                   the next connection is a copy made by SSL_dup
     again                 asks for a mode after a handshake
     serverinfo FILE       gives the server's context answers of its own
     find                  has connections found by their data
     json                  tells all that is known of each handshake from now on
     asks                  has the server tell what extensions the ClientHellos have
     status                of both contexts and of the process */
#include "attached.h"
#include <arpa/inet.h>

static struct files files;
static struct contexts contexts;
static SSL_CTX *other;
static SSL_SESSION *session;
static int version = TLS1_3_VERSION, tells_json, finds;
static const char *name = HOST;

/* What the next connection is told. */
static struct {
    int has_mode, has_peer, resumes, is_copy, hides;
    uint32_t mode;
    uint8_t address[16];
    size_t length;
    uint16_t port;
} next;

static int keep(SSL *ssl, SSL_SESSION *fresh) {
    (void)ssl;
    SSL_SESSION_free(session);
    session = fresh;
    return 1;
}

static int own(X509_STORE_CTX *store, void *argument) {
    (void)argument;
    return X509_verify_cert(store);
}

static int turn_to_other(SSL *ssl, int *alert, void *argument) {
    (void)alert;
    (void)argument;
    SSL_set_SSL_CTX(ssl, other);
    return SSL_TLSEXT_ERR_OK;
}

static int tell_hello(SSL *ssl, int *alert, void *argument) {
    (void)alert;
    (void)argument;
    const unsigned char *octets;
    size_t length;
    int *numbers;
    printf("asks");
    for (unsigned number = 0xFF4D; number <= 0xFF50; number++)
        if (SSL_client_hello_get0_ext(ssl, number, &octets, &length)) printf(" %x", number);
    if (SSL_client_hello_get1_extensions_present(ssl, &numbers, &length) != 1) fail("no extensions");
    OPENSSL_free(numbers);
    printf(", of %zu\n", length);
    return SSL_CLIENT_HELLO_SUCCESS;
}

static void forget(void) {
    if (contexts.client != NULL) contexts_free(contexts);
    SSL_CTX_free(other);
    other = NULL;
}

static void fresh(void) {
    forget();
    contexts = contexts_new(files);
    SSL_CTX_set_session_cache_mode(contexts.client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(contexts.client, keep);
}

static size_t attach(const char *who, SSL_CTX *context, char **settings) {
    char sentence[1024];
    size_t count = settings_of(settings);
    uint32_t result = mecai_openssl_attach(context, (const char *const *)settings, count, sentence, sizeof sentence);
    printf("%s %u %s\n", who, result, sentence);
    return count;
}

static void prepare(SSL *ssl) {
    SSL_set_app_data(ssl, &next);
    SSL_set1_host(ssl, HOST);
    SSL_set_tlsext_host_name(ssl, name);
    SSL_set_max_proto_version(ssl, version);
    if (next.resumes && session != NULL) SSL_set_session(ssl, session);
    if (next.has_mode) {
        uint32_t result = mecai_openssl_set_mode(ssl, next.mode);
        if (result != 0) printf("mode %u %s\n", result, mecai_openssl_result_str(result));
    }
    if (next.has_peer) {
        uint32_t result = mecai_openssl_set_peer(ssl, next.length == 0 ? NULL : next.address, next.length, next.port);
        if (result != 0) printf("peer %u %s\n", result, mecai_openssl_result_str(result));
    }
}

/* Asks for the length first, and once with too little room. */
static void tell_json(SSL *ssl) {
    size_t length = mecai_openssl_verdict_json(ssl, NULL, 0);
    char *text = malloc(length + 1), few[9] = "xxxxxxxx";
    if (mecai_openssl_verdict_json(ssl, text, length + 1) != length || strlen(text) != length) fail("no such length");
    if (mecai_openssl_verdict_json(ssl, few, sizeof few) != length || strlen(few) != 8 || strncmp(few, text, 8) != 0)
        fail("what does not fit");
    printf("json %s\n", text);
    free(text);
}

static void tell(int done, SSL *ssl) {
    if (finds && mecai_openssl_context_status(mecai_openssl_find_context(ssl), NULL, 0) % 6 != 0 &&
        mecai_openssl_find_by_data(&next) != ssl)
        fail("not found");
    char sentence[1024];
    uint32_t verdict = mecai_openssl_verdict(ssl, sentence, sizeof sentence), code = mecai_openssl_verdict_code(ssl);
    printf("%s%s 0x%x %u %s: %s\n", done ? "connected" : "failed", SSL_session_reused(ssl) ? " again" : "", verdict,
           code, mecai_openssl_code_str(code), sentence);
    if (tells_json) tell_json(ssl);
    memset(&next, 0, sizeof next);
}

static void shake(int asks_again) {
    struct pair pair = pair_new(contexts, name);
    prepare(pair.client);
    if (next.is_copy) {
        SSL *copy = SSL_dup(pair.client);
        BIO *one, *other_end;
        if (copy == NULL || BIO_new_bio_pair(&one, 0, &other_end, 0) != 1) fail("no copy");
        SSL_set_bio(copy, one, one);
        SSL_set_bio(pair.server, other_end, other_end);
        SSL_free(pair.client);
        pair.client = copy;
        SSL_set1_host(copy, HOST);
        SSL_set_tlsext_host_name(copy, name);
    }
    if (next.hides && mecai_openssl_set_mode(pair.server, 1) != 0) fail("no mode");
    int done = pair_handshake(pair);
    tell(done, pair.client);
    if (asks_again) printf("late %u %u\n", mecai_openssl_set_mode(pair.client, 1), mecai_openssl_set_peer(pair.client, NULL, 0, 1));
    pair_free(pair);
}

static void connect_to(const char *address) {
    BIO *bio = BIO_new_ssl_connect(contexts.client);
    SSL *ssl = NULL;
    BIO_get_ssl(bio, &ssl);
    prepare(ssl);
    BIO_set_conn_hostname(bio, address);
    int done = BIO_do_connect(bio) > 0 && BIO_do_handshake(bio) > 0;
    tell(done, ssl);
    BIO_free_all(bio);
    ERR_clear_error();
}

static void find(void) {
    char sentence[1024];
    uint32_t result = mecai_openssl_find_in(NULL, sentence, sizeof sentence);
    finds = result == 0;
    if (!finds) printf("find %u %s\n", result, sentence);
}

static void status(void) {
    char sentence[1024];
    uint32_t number = mecai_openssl_context_status(contexts.client, sentence, sizeof sentence);
    printf("client %u %s\n", number, sentence);
    number = mecai_openssl_context_status(contexts.server, sentence, sizeof sentence);
    printf("server %u %s\n", number, sentence);
    number = mecai_openssl_status(sentence, sizeof sentence);
    printf("process %u %s\n", number, sentence);
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    must_end();
    files = files_of(argc, argv);
    argv[argc - 3] = NULL;
    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL);
    fresh();
    for (char **at = argv + 1; *at != NULL; at++) {
        if (strcmp(*at, "client") == 0) at += 1 + attach("client", contexts.client, at + 1);
        else if (strcmp(*at, "server") == 0) at += 1 + attach("server", contexts.server, at + 1);
        else if (strcmp(*at, "other") == 0) {
            struct contexts more = contexts_new(files);
            SSL_CTX_free(more.client);
            other = more.server;
            at += 1 + attach("other", other, at + 1);
            SSL_CTX_set_tlsext_servername_callback(contexts.server, turn_to_other);
        } else if (strcmp(*at, "fresh") == 0) fresh();
        else if (strcmp(*at, "version") == 0) version = strcmp(*++at, "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
        else if (strcmp(*at, "name") == 0) name = *++at;
        else if (strcmp(*at, "own") == 0) SSL_CTX_set_cert_verify_callback(contexts.client, own, NULL);
        else if (strcmp(*at, "resume") == 0) next.resumes = 1;
        else if (strcmp(*at, "dup") == 0) next.is_copy = 1;
        else if (strcmp(*at, "hide") == 0) next.hides = 1;
        else if (strcmp(*at, "mode") == 0) {
            next.has_mode = 1;
            next.mode = (uint32_t)atoi(*++at);
        } else if (strcmp(*at, "peer") == 0) {
            next.has_peer = 1;
            const char *address = *++at;
            if (inet_pton(AF_INET, address, next.address) == 1) next.length = 4;
            else if (inet_pton(AF_INET6, address, next.address) == 1) next.length = 16;
            else next.length = 0;
            next.port = (uint16_t)atoi(*++at);
        } else if (strcmp(*at, "shake") == 0) shake(0);
        else if (strcmp(*at, "again") == 0) shake(1);
        else if (strcmp(*at, "connect") == 0) connect_to(*++at);
        else if (strcmp(*at, "asks") == 0) SSL_CTX_set_client_hello_cb(contexts.server, tell_hello, NULL);
        else if (strcmp(*at, "find") == 0) find();
        else if (strcmp(*at, "json") == 0) tells_json = 1;
        else if (strcmp(*at, "status") == 0) status();
        else if (strcmp(*at, "serverinfo") == 0) {
            if (SSL_CTX_use_serverinfo_file(contexts.server, *++at) != 1) fail("no serverinfo");
        }
        else return 3;
    }
    SSL_SESSION_free(session);
    forget();
    return 0;
}
