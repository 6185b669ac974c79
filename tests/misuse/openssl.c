/* Calls every function of mecai_openssl.h with each argument wrong in turn. Pointers of OpenSSL that were freed are not
 * among them: those are OpenSSL's own, and nobody can tell. Its argument is a directory with good files. */
#include "expect.h"

#include <mecai_openssl.h>

static const char *settings[6];

static SSL_CTX *new_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL)
        abort();
    return context;
}

/* A call that fails with this result leaves the context without MECAI. */
static void attach_wrongly(const char *what, const char *const *strings, size_t count, uint32_t result)
{
    SSL_CTX *context = new_context();
    char sentence[200];
    uint32_t given;
    memset(sentence, 0xA5, sizeof sentence);
    given = mecai_openssl_attach(context, strings, count, sentence, sizeof sentence);
    expect(given == result, "attach: %s: result %u", what, given);
    expect(memchr(sentence, 0, sizeof sentence) != NULL && sentence[0] != 0, "attach: %s: no sentence", what);
    expect(mecai_openssl_context_status(context, NULL, 0) == 0, "attach: %s: the context was touched", what);
    SSL_CTX_free(context);
}

static void misuse_attach(void)
{
    SSL_CTX *context = new_context();
    const char *no_text[2] = {"authorities", "\xFF"};
    const char *no_string[2] = {"authorities", NULL};
    size_t size;
    expect(mecai_openssl_attach(NULL, settings, 6, NULL, 0) == MECAI_OPENSSL_ERR_NULL, "attach: no context");
    attach_wrongly("no settings", NULL, 6, MECAI_OPENSSL_ERR_NULL);
    attach_wrongly("no strings", settings, 0, MECAI_OPENSSL_ERR_SETTINGS);
    attach_wrongly("a key alone", settings, 1, MECAI_OPENSSL_ERR_SETTINGS);
    attach_wrongly("SIZE_MAX strings", settings, SIZE_MAX, MECAI_OPENSSL_ERR_ARGUMENT);
    attach_wrongly("a string is NULL", no_string, 2, MECAI_OPENSSL_ERR_NULL);
    attach_wrongly("a string is not UTF-8", no_text, 2, MECAI_OPENSSL_ERR_SETTINGS);
    /* The array, and a string of it, end where a page begins that cannot be read. */
    expect(mecai_openssl_attach(context, at_edge(settings, sizeof settings), 6, NULL, 0) == MECAI_OPENSSL_OK,
           "attach: settings at the edge");
    expect(mecai_openssl_attach(context, settings, 6, NULL, 0) == MECAI_OPENSSL_ERR_ALREADY_ATTACHED, "attach: twice");
    for (size = 0; size < 3; size++) {
        char *place = (char *)(size_t)at_edge("xxx", size);
        mecai_openssl_attach(context, settings, 6, place, size);
        expect(size == 0 || memchr(place, 0, size) != NULL, "attach: a sentence in %zu octets has no end", size);
    }
    SSL_CTX_free(context);
}

static void misuse_connection(void)
{
    SSL_CTX *context = new_context(), *plain = new_context();
    SSL *ssl, *without = SSL_new(plain);
    const uint8_t address[16] = {192, 0, 2, 1};
    char sentence[200], json[2000];
    size_t length;
    if (mecai_openssl_attach(context, settings, 6, sentence, sizeof sentence) != MECAI_OPENSSL_OK) {
        printf("%s\n", sentence);
        exit(2);
    }
    ssl = SSL_new(context);
    expect(mecai_openssl_set_mode(NULL, MECAI_OPENSSL_MODE_REQUIRE) == MECAI_OPENSSL_ERR_NULL, "set_mode: NULL");
    expect(mecai_openssl_set_mode(ssl, 5) == MECAI_OPENSSL_ERR_ARGUMENT, "set_mode: 5");
    expect(mecai_openssl_set_mode(ssl, UINT32_MAX) == MECAI_OPENSSL_ERR_ARGUMENT, "set_mode: UINT32_MAX");
    expect(mecai_openssl_set_mode(without, MECAI_OPENSSL_MODE_REQUIRE) == MECAI_OPENSSL_ERR_NOT_ATTACHED,
           "set_mode: not attached");
    expect(mecai_openssl_set_peer(NULL, address, 4, 443) == MECAI_OPENSSL_ERR_NULL, "set_peer: NULL");
    expect(mecai_openssl_set_peer(ssl, NULL, 4, 443) == MECAI_OPENSSL_ERR_NULL, "set_peer: no address");
    expect(mecai_openssl_set_peer(ssl, NULL, 0, 0) == MECAI_OPENSSL_OK, "set_peer: nothing");
    for (length = 1; length < 18; length++) {
        bool is_address = length == 4 || length == 16;
        uint32_t result = mecai_openssl_set_peer(ssl, at_edge(address, length < 16 ? length : 16), length, 443);
        expect(result == (is_address ? MECAI_OPENSSL_OK : MECAI_OPENSSL_ERR_ARGUMENT), "set_peer: %zu octets", length);
    }
    expect(mecai_openssl_set_peer(ssl, address, SIZE_MAX, 443) == MECAI_OPENSSL_ERR_ARGUMENT, "set_peer: SIZE_MAX");
    expect(mecai_openssl_verdict(NULL, sentence, sizeof sentence) == MECAI_OPENSSL_NOT_JUDGED, "verdict: NULL");
    expect(mecai_openssl_verdict(ssl, NULL, 0) == MECAI_OPENSSL_NOT_JUDGED, "verdict: no place");
    expect(mecai_openssl_verdict(ssl, NULL, 100) == MECAI_OPENSSL_NOT_JUDGED, "verdict: NULL of 100 octets");
    length = mecai_openssl_verdict_json(ssl, NULL, 0);
    expect(length > 0 && length < sizeof json, "verdict_json: before the handshake: %zu octets", length);
    expect(mecai_openssl_verdict_json(ssl, NULL, 100) == length, "verdict_json: NULL of 100 octets");
    expect(mecai_openssl_verdict_json(ssl, json, sizeof json) == length && strlen(json) == length, "verdict_json");
    expect(mecai_openssl_verdict_json(NULL, json, sizeof json) == strlen(json), "verdict_json: NULL");
    expect(mecai_openssl_verdict_code(NULL) == 0, "verdict_code: NULL");
    expect(mecai_openssl_verdict_code(ssl) == 0, "verdict_code: before the handshake");
    expect(mecai_openssl_context_status(NULL, sentence, sizeof sentence) == 0, "context_status: NULL");
    expect(mecai_openssl_context_status(context, NULL, 100) == 1, "context_status: no place");
    expect(mecai_openssl_status(NULL, 100) == 1, "status: no place");
    for (length = 0; length < 3; length++) {
        char *place = (char *)(size_t)at_edge("xxx", length);
        mecai_openssl_verdict(ssl, place, length);
        expect(length == 0 || memchr(place, 0, length) != NULL, "verdict: no end in %zu octets", length);
        mecai_openssl_verdict_json(ssl, place, length);
        expect(length == 0 || memchr(place, 0, length) != NULL, "verdict_json: no end in %zu octets", length);
        mecai_openssl_context_status(context, place, length);
        mecai_openssl_status(place, length);
        expect(length == 0 || memchr(place, 0, length) != NULL, "status: no end in %zu octets", length);
    }
    SSL_free(ssl);
    SSL_free(without);
    SSL_CTX_free(context);
    SSL_CTX_free(plain);
}

static void misuse_find(void)
{
    SSL_CTX *context = new_context();
    SSL *ssl, *other;
    char sentence[200];
    size_t length;
    expect(mecai_openssl_find_context(NULL) == NULL, "find_context: NULL");
    expect(mecai_openssl_find_by_data(NULL) == NULL, "find_by_data: NULL");
    expect(mecai_openssl_find_by_data(context) == NULL, "find_by_data: what is no data");
    expect(mecai_openssl_find_made() == NULL, "find_made: before all");
    expect(mecai_openssl_find_in("/no/such/object.so", sentence, sizeof sentence) == MECAI_OPENSSL_ERR_HIDDEN,
           "find_in: no object");
    expect(strstr(sentence, "/no/such/object.so") != NULL, "find_in: the sentence is %s", sentence);
    for (length = 0; length < 3; length++) {
        char *place = (char *)(size_t)at_edge("xxx", length);
        mecai_openssl_find_in("\xFF", place, length);
        expect(length == 0 || memchr(place, 0, length) != NULL, "find_in: no end in %zu octets", length);
    }
    expect(mecai_openssl_find_in(NULL, NULL, 100) == MECAI_OPENSSL_OK, "find_in: no place");
    expect(mecai_openssl_find_in("", NULL, 0) == MECAI_OPENSSL_OK, "find_in: the program by its empty name");
    mecai_openssl_find_begin();
    expect(mecai_openssl_find_made() == NULL, "find_made: nothing");
    ssl = SSL_new(context);
    expect(mecai_openssl_find_made() == ssl, "find_made: one");
    expect(mecai_openssl_find_made() == ssl, "find_made: once more");
    expect(mecai_openssl_find_context(ssl) == context, "find_context");
    SSL_free(ssl);
    expect(mecai_openssl_find_made() == NULL, "find_made: freed");
    mecai_openssl_find_begin();
    ssl = SSL_new(context);
    other = SSL_new(context);
    expect(mecai_openssl_find_made() == NULL, "find_made: two");
    SSL_free(other);
    expect(mecai_openssl_find_made() == NULL, "find_made: two, one of them freed");
    SSL_free(ssl);
    SSL_CTX_free(context);
}

int main(int count, char **arguments)
{
    static char list[4096];
    struct file keys;
    if (count != 2)
        return 2;
    snprintf(list, sizeof list, "%s/list.json", arguments[1]);
    keys = read_file(arguments[1], "keys");
    settings[0] = "authorities";
    settings[1] = list;
    settings[2] = "authorities_keys";
    settings[3] = (const char *)keys.data;
    settings[4] = "role";
    settings[5] = "client";
    misuse_attach();
    misuse_connection();
    misuse_find();
    expect(strcmp(mecai_openssl_code_str(UINT32_MAX), "unknown") == 0, "code_str: UINT32_MAX");
    expect(mecai_openssl_result_str(UINT32_MAX) != NULL, "result_str: UINT32_MAX");
    expect(mecai_openssl_version() != NULL, "version");
    free(keys.data);
    return tell();
}
