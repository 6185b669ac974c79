/* NULL for every pointer, lengths that do not fit, numbers that mean nothing: each has its result, and nothing else
   happens. usage: arguments LIST KEYS ROOT CERTIFICATE KEY */
#include "attached.h"

static int failures;

static void expect(const char *what, uint32_t result, uint32_t expected) {
    if (result == expected) return;
    printf("%s gives %u, not %u\n", what, result, expected);
    failures++;
}

#define EXPECT(call, expected) expect(#call, call, expected)

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    must_end();
    struct contexts contexts = contexts_new(files_of(argc, argv));
    SSL_CTX *context = contexts.client;
    const char *settings[] = {"authorities", argv[1], "authorities_keys", argv[2], NULL, "observe"};
    char sentence[8] = "xxxxxxx";
    uint8_t address[17] = {0};

    EXPECT(mecai_openssl_attach(NULL, settings, 4, NULL, 0), 10);
    EXPECT(mecai_openssl_attach(context, NULL, 4, NULL, 0), 10);
    EXPECT(mecai_openssl_attach(context, settings, 6, NULL, 0), 10);
    EXPECT(mecai_openssl_attach(context, settings, 65, NULL, 0), 11);
    EXPECT(mecai_openssl_attach(context, NULL, 0, NULL, 0), 20); /* a client needs a list */
    EXPECT(mecai_openssl_attach(context, settings, 3, NULL, 0), 20);
    EXPECT(mecai_openssl_attach(context, settings, 3, sentence, 5), 20);
    if (strlen(sentence) != 4 || strncmp(sentence, "auth", 4) != 0 || sentence[5] != 'x') return 3;
    EXPECT(mecai_openssl_attach(context, settings, 3, sentence, 0), 20);
    if (strlen(sentence) != 4) return 4;
    EXPECT(mecai_openssl_context_status(context, NULL, 0), 0);
    EXPECT(mecai_openssl_context_status(NULL, sentence, sizeof sentence), 0);

    /* A connection of a context without MECAI. */
    SSL *plain = SSL_new(context);
    EXPECT(mecai_openssl_set_mode(plain, 4), 41);
    EXPECT(mecai_openssl_set_peer(plain, address, 4, 443), 41);
    EXPECT(mecai_openssl_verdict(plain, NULL, 0), 0);
    EXPECT(mecai_openssl_verdict_code(plain), 0);
    SSL_free(plain);

    EXPECT(mecai_openssl_attach(context, settings, 4, NULL, 9), 0);
    SSL *ssl = SSL_new(context);
    EXPECT(mecai_openssl_set_mode(NULL, 4), 10);
    EXPECT(mecai_openssl_set_mode(ssl, 5), 11);
    EXPECT(mecai_openssl_set_mode(ssl, 0xFFFFFFFF), 11);
    for (uint32_t mode = 0; mode < 5; mode++) EXPECT(mecai_openssl_set_mode(ssl, mode), 0);
    EXPECT(mecai_openssl_set_peer(NULL, address, 4, 443), 10);
    EXPECT(mecai_openssl_set_peer(ssl, NULL, 4, 443), 10);
    for (size_t length = 0; length <= sizeof address; length++)
        EXPECT(mecai_openssl_set_peer(ssl, address, length, 443), length == 0 || length == 4 || length == 16 ? 0 : 11);
    EXPECT(mecai_openssl_set_peer(ssl, address, (size_t)-1, 443), 11);
    EXPECT(mecai_openssl_set_peer(ssl, NULL, 0, 0), 0);
    EXPECT(mecai_openssl_verdict(NULL, sentence, sizeof sentence), 0);
    EXPECT(mecai_openssl_verdict(ssl, sentence, sizeof sentence), 0);
    EXPECT(mecai_openssl_verdict_code(NULL), 0);
    EXPECT(mecai_openssl_verdict_code(ssl), 0);
    EXPECT(mecai_openssl_status(NULL, 0), 1);
    SSL_free(ssl);

    /* Every number has a text, whatever it is. */
    for (uint32_t number = 0; number < 0x5000; number++)
        if (strlen(mecai_openssl_code_str(number)) == 0 || strlen(mecai_openssl_result_str(number)) == 0) return 5;
    if (strcmp(mecai_openssl_code_str(40), "no_voucher") != 0 || strcmp(mecai_openssl_code_str(0x4D01), "accepted") != 0 ||
        strcmp(mecai_openssl_code_str(0), "not_judged") != 0 || strcmp(mecai_openssl_code_str(1), "unknown") != 0)
        return 6;
    if (strchr(mecai_openssl_version(), '.') == NULL) return 7;
    contexts_free(contexts);
    return failures != 0;
}
