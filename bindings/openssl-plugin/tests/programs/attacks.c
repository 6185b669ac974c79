/* A client that a server without vouchers tries to win over, in one way after the other. Prints what came of each, and
   what the module says of the connection. First and last a server with vouchers.
   usage: attacks VERSION MODULE BARE_CERTIFICATE BARE_KEY ROOT CERTIFICATE KEY */
#include "handshake.h"
#include <dlfcn.h>

static unsigned (*verdict)(SSL *, char *, size_t);
static SSL_SESSION *session, *late;
static struct contexts good, bare;

static int keep(SSL *ssl, SSL_SESSION *fresh) {
    (void)ssl;
    SSL_SESSION_free(session);
    session = fresh;
    return 1;
}

/* A security callback of the program's own, which does not know the one that was there. */
static int allow(const SSL *ssl, const SSL_CTX *context, int operation, int bits, int number, void *other, void *extra) {
    (void)ssl, (void)context, (void)operation, (void)bits, (void)number, (void)other, (void)extra;
    return 1;
}

/* Offers a session when the handshake has begun, and asks what nobody can know yet. */
static void begin(const SSL *ssl, int where, int value) {
    char sentence[512];
    (void)value;
    if (late != NULL && (where & SSL_CB_HANDSHAKE_START)) SSL_set_session((SSL *)ssl, late);
    verdict((SSL *)ssl, sentence, sizeof sentence);
}

static int ask(int ok, X509_STORE_CTX *store) {
    char sentence[512];
    if (verdict(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()), sentence, sizeof sentence) != 0)
        fail("judged before it was verified");
    return ok;
}

static void tell(const char *attack, struct pair pair) {
    int connected = pair_handshake(pair);
    printf("%s: %s%s 0x%x\n", attack, connected ? "connected" : "failed", SSL_session_reused(pair.client) ? " again" : "",
           verdict(pair.client, NULL, 0));
    pair_free(pair);
}

static SSL_SESSION *session_with(struct contexts contexts, int mode) {
    SSL_SESSION_free(session);
    session = NULL;
    struct pair pair = pair_new(contexts, HOST);
    SSL_set_verify(pair.client, mode, NULL);
    pair_handshake(pair);
    pair_free(pair);
    return session;
}

static struct pair with_session(struct contexts contexts, SSL_SESSION *offered) {
    struct pair pair = pair_new(contexts, HOST);
    if (offered != NULL) SSL_set_session(pair.client, offered);
    return pair;
}

/* The client of one pair and a new server. */
static struct pair meets(struct pair pair, SSL_CTX *server) {
    struct pair next = {pair.client, SSL_new(server)};
    BIO *one, *other;
    if (next.server == NULL || BIO_new_bio_pair(&one, 0, &other, 0) != 1) fail("no server");
    SSL_free(pair.server);
    SSL_set_bio(next.client, one, one);
    SSL_set_bio(next.server, other, other);
    SSL_set_connect_state(next.client);
    SSL_set_accept_state(next.server);
    return next;
}

int main(int argc, char **argv) {
    if (argc != 8) return 2;
    must_end();
    int version = strcmp(argv[1], "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL);
    void *module = dlopen(argv[2], RTLD_NOW);
    if (module == NULL) return 3;
    verdict = (unsigned (*)(SSL *, char *, size_t))dlsym(module, "mecai_openssl_verdict");
    struct files files = files_of(argc, argv);
    good = contexts_new(files);
    SSL_CTX_set_max_proto_version(good.client, version);
    SSL_CTX_set_session_cache_mode(good.client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(good.client, keep);
    SSL_CTX_set_max_early_data(good.server, 100);
    struct contexts other = contexts_new((struct files){files.root, argv[3], argv[4]});
    bare = (struct contexts){good.client, other.server};

    tell("vouchers", pair_new(good, HOST));
    tell("no vouchers", pair_new(bare, HOST));

    struct pair pair = pair_new(good, HOST);
    pair_handshake(pair);
    SSL_shutdown(pair.client);
    if (!SSL_clear(pair.client)) fail("not cleared");
    tell("cleared", meets(pair, bare.server));

    pair = pair_new(good, HOST);
    pair_handshake(pair);
    tell("begun anew", meets(pair, bare.server));

    pair = with_session(bare, session_with(bare, SSL_VERIFY_NONE));
    tell("session of a program that did not verify", pair);

    pair = with_session(bare, session_with(bare, SSL_VERIFY_NONE));
    SSL_set_security_callback(pair.client, allow);
    tell("the same, with a security callback", pair);

    late = session_with(bare, SSL_VERIFY_NONE);
    pair = pair_new(bare, HOST);
    SSL_set_info_callback(pair.client, begin);
    tell("the same, offered late", pair);
    late = NULL;

    pair = with_session(bare, session_with(bare, SSL_VERIFY_NONE));
    SSL *copy = SSL_dup(pair.client);
    SSL_free(pair.client);
    pair.client = copy;
    tell("the same, duplicated", meets(pair, bare.server));

    pair = with_session(bare, session_with(bare, SSL_VERIFY_NONE));
    SSL_set_SSL_CTX(pair.client, other.client);
    tell("the same, with another SSL_CTX", pair);

    pair = pair_new(good, HOST);
    SSL_set_verify(pair.client, SSL_VERIFY_PEER, ask);
    SSL_set_info_callback(pair.client, begin);
    tell("vouchers, and questions at any time", pair);

    tell("vouchers, again", with_session(good, session_with(good, SSL_VERIFY_PEER)));

    /* Early data on an admitted session. */
    for (int own = 0; own < 2 && version == TLS1_3_VERSION; own++) {
        size_t written;
        pair = with_session(good, session_with(good, SSL_VERIFY_PEER));
        if (own) SSL_set_security_callback(pair.client, allow);
        printf("early data: %d\n", SSL_write_early_data(pair.client, "early", 5, &written));
        pair_free(pair);
    }

    SSL_SESSION_free(session);
    contexts_free(other);
    contexts_free(good);
    return 0;
}
