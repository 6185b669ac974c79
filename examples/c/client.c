/* An HTTPS client on OpenSSL: prints what a GET brings, as curl does.
 *
 *     client -C roots.pem -m authorities=/etc/mecai/authorities.json -m 'authorities_keys=KEYS' \
 *         -m state=/var/lib/me/mecai https://www.shop.example/
 *
 * With it, only servers are believed that enough other Certificate Authorities vouch for. What that takes stands
 * between `MECAI` and `end of MECAI`; the rest is what any client has. The exit status is that of curl: 0 for a page,
 * 60 for a server that is not believed, 35 for a handshake that failed for another cause, 7 without a connection, 56
 * for a page that breaks off, 2 for wrong arguments or settings. */

#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <mecai_openssl.h>

enum { DONE = 0, USAGE = 2, NOT_CONNECTED = 7, NO_HANDSHAKE = 35, BROKEN_OFF = 56, NOT_BELIEVED = 60 };

/* A peer that says nothing for so long is given up. */
#define SILENCE_SECONDS 20
/* Keys and values. An even number. */
#define SETTINGS_MAX 64

/* What the command line says. Nothing in it is to be freed. */
struct arguments {
    char host[256], port[6], path[2048];
    const char *address, *source, *roots;
    const char *settings[SETTINGS_MAX];
    size_t setting_count;
    int version;
};

static void usage(void)
{
    fputs("usage: client [-2 | -3] [-a ADDRESS] [-b ADDRESS] [-C FILE] -m KEY=VALUE... https://HOST[:PORT][/PATH]\n"
          "  -2, -3  TLS 1.2 or TLS 1.3 only\n"
          "  -a      connects to this address, whatever DNS says\n"
          "  -b      connects from this address\n"
          "  -C      the roots that are trusted, PEM; those of the system, unless given\n"
          "  -m      a setting of MECAI: authorities, authorities_keys, state; all are in docs/module.md\n",
          stderr);
}

static void complain(const char *what)
{
    fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
}

/* A context that verifies servers as OpenSSL does, and has MECAI judge what OpenSSL believes; NULL after a failure. */
static SSL_CTX *make_context(const struct arguments *arguments)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    char why[512];

    if (context == NULL)
        goto openssl_failed;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if ((arguments->roots == NULL ? SSL_CTX_set_default_verify_paths(context)
                                  : SSL_CTX_load_verify_locations(context, arguments->roots, NULL)) != 1)
        goto openssl_failed;
    if (SSL_CTX_set_min_proto_version(context, arguments->version == 0 ? TLS1_2_VERSION : arguments->version) != 1 ||
        SSL_CTX_set_max_proto_version(context, arguments->version) != 1)
        goto openssl_failed;

    /* MECAI: before the context's first connection. The settings are strings, key and value in turn:
     *
     *     const char *settings[] = {"authorities", "/etc/mecai/authorities.json", "authorities_keys", "RWQ…", …}; */
    if (mecai_openssl_attach(context, arguments->settings, arguments->setting_count, why, sizeof why) !=
        MECAI_OPENSSL_OK) {
        fprintf(stderr, "client: MECAI: %s\n", why);
        SSL_CTX_free(context);
        return NULL;
    }
    /* end of MECAI */
    return context;

openssl_failed:
    ERR_print_errors_fp(stderr);
    SSL_CTX_free(context);
    return NULL;
}

/* Reads an address from its text. The caller frees it by freeaddrinfo; NULL after a failure. */
static struct addrinfo *look_up(const char *host, const char *port, int flags)
{
    struct addrinfo hints = {0}, *found = NULL;
    int status;

    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags;
    status = getaddrinfo(host, port, &hints, &found);
    if (status == 0)
        return found;
    fprintf(stderr, "client: %s: %s\n", host, gai_strerror(status));
    return NULL;
}

/* A socket that is connected to one of the addresses; -1 after a failure. */
static int connect_to(const struct addrinfo *addresses, const struct addrinfo *source)
{
    const struct timeval silence = {SILENCE_SECONDS, 0};
    const struct addrinfo *one;

    for (one = addresses; one != NULL; one = one->ai_next) {
        int connection = socket(one->ai_family, one->ai_socktype, one->ai_protocol);

        if (connection != -1 && setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence) == 0 &&
            setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof silence) == 0 &&
            (source == NULL || bind(connection, source->ai_addr, source->ai_addrlen) == 0) &&
            connect(connection, one->ai_addr, one->ai_addrlen) == 0)
            return connection;
        complain("cannot connect");
        if (connection != -1)
            close(connection);
    }
    return -1;
}

static int open_connection(const struct arguments *arguments)
{
    struct addrinfo *addresses, *source = NULL;
    int connection = -1;

    addresses = arguments->address == NULL ? look_up(arguments->host, arguments->port, 0)
                                           : look_up(arguments->address, arguments->port, AI_NUMERICHOST);
    if (addresses != NULL && arguments->source != NULL)
        source = look_up(arguments->source, NULL, AI_NUMERICHOST);
    if (addresses != NULL && (source != NULL || arguments->source == NULL))
        connection = connect_to(addresses, source);
    if (source != NULL)
        freeaddrinfo(source);
    if (addresses != NULL)
        freeaddrinfo(addresses);
    return connection;
}

/* Why there is no connection over TLS; gives the exit status. */
static int explain(SSL *ssl)
{
    unsigned long failure = ERR_peek_last_error();
    long verified = SSL_get_verify_result(ssl);
    char why[512];

    /* MECAI: whether it is what ended the handshake, the code of that (docs/spec.md, section 13), and the sentence. */
    if (mecai_openssl_verdict(ssl, why, sizeof why) == MECAI_OPENSSL_REFUSED) {
        uint32_t code = mecai_openssl_verdict_code(ssl);

        fprintf(stderr, "client: MECAI refused: %s (%lu): %s\n", mecai_openssl_code_str(code), (unsigned long)code, why);
        ERR_clear_error();
        return NOT_BELIEVED;
    }
    /* end of MECAI */
    if (ERR_GET_LIB(failure) == ERR_LIB_SSL && ERR_GET_REASON(failure) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        fprintf(stderr, "client: the certificate is not trusted: %s\n", X509_verify_cert_error_string(verified));
        ERR_clear_error();
        return NOT_BELIEVED;
    }
    fputs("client: the handshake failed\n", stderr);
    ERR_print_errors_fp(stderr);
    return NO_HANDSHAKE;
}

static int shake_hands(SSL *ssl, int connection, const struct arguments *arguments)
{
    if (SSL_set_fd(ssl, connection) != 1 || SSL_set1_host(ssl, arguments->host) != 1 ||
        SSL_set_tlsext_host_name(ssl, arguments->host) != 1) {
        ERR_print_errors_fp(stderr);
        return NO_HANDSHAKE;
    }
    /* MECAI: the address is that of the socket; the port is the one that the user means. */
    if (mecai_openssl_set_peer(ssl, NULL, 0, (uint16_t)atoi(arguments->port)) != MECAI_OPENSSL_OK) {
        fputs("client: MECAI does not take the port\n", stderr);
        return NO_HANDSHAKE;
    }
    /* end of MECAI */
    if (SSL_connect(ssl) != 1)
        return explain(ssl);
    return DONE;
}

/* Prints what comes behind the head of the answer, up to the server's end. */
static int receive(SSL *ssl)
{
    static const char boundary[] = "\r\n\r\n";
    size_t matched = 0;
    char buffer[16384];
    int length, error;

    while ((length = SSL_read(ssl, buffer, sizeof buffer)) > 0) {
        int begin = 0;

        while (matched < 4 && begin < length) {
            if (buffer[begin] == boundary[matched])
                matched++;
            else
                matched = buffer[begin] == boundary[0];
            begin++;
        }
        if (fwrite(buffer + begin, 1, (size_t)(length - begin), stdout) != (size_t)(length - begin)) {
            complain("standard output");
            return BROKEN_OFF;
        }
    }
    error = SSL_get_error(ssl, length);
    /* Only the server itself can say that this is the end: somebody between could have cut it off. */
    if (error != SSL_ERROR_ZERO_RETURN || matched < 4) {
        fputs("client: the page breaks off\n", stderr);
        ERR_print_errors_fp(stderr);
        return BROKEN_OFF;
    }
    if (fflush(stdout) != 0) {
        complain("standard output");
        return BROKEN_OFF;
    }
    return DONE;
}

static int get(SSL *ssl, const struct arguments *arguments)
{
    char request[sizeof arguments->host + sizeof arguments->path + 64];
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: %s:%s\r\n\r\n", arguments->path,
                          arguments->host, arguments->port);

    if (length < 0 || (size_t)length >= sizeof request || SSL_write(ssl, request, length) != length) {
        fputs("client: the request cannot be sent\n", stderr);
        ERR_print_errors_fp(stderr);
        return BROKEN_OFF;
    }
    return receive(ssl);
}

static int fetch(SSL_CTX *context, const struct arguments *arguments)
{
    int connection = open_connection(arguments), status = NO_HANDSHAKE;
    SSL *ssl;

    if (connection == -1)
        return NOT_CONNECTED;
    ssl = SSL_new(context);
    if (ssl == NULL) {
        ERR_print_errors_fp(stderr);
    } else {
        status = shake_hands(ssl, connection, arguments);
        if (status == DONE) {
            status = get(ssl, arguments);
            if (status == DONE)
                SSL_shutdown(ssl);
        }
        SSL_free(ssl);
    }
    close(connection);
    return status;
}

/* Takes a part of the URL; false if it is empty or too long, or has what an HTTP request cannot have. */
static bool take(char *place, size_t size, const char *from, size_t length)
{
    size_t index;

    for (index = 0; index < length; index++)
        if ((unsigned char)from[index] <= ' ' || (unsigned char)from[index] >= 0x7f)
            return false;
    if (length == 0 || length >= size)
        return false;
    memcpy(place, from, length);
    place[length] = '\0';
    return true;
}

static bool read_url(const char *url, struct arguments *arguments)
{
    static const char scheme[] = "https://";
    size_t host, port;

    if (strncmp(url, scheme, sizeof scheme - 1) != 0)
        return false;
    url += sizeof scheme - 1;
    host = strcspn(url, ":/");
    if (!take(arguments->host, sizeof arguments->host, url, host))
        return false;
    url += host;
    strcpy(arguments->port, "443");
    if (*url == ':') {
        port = strspn(++url, "0123456789");
        if (!take(arguments->port, sizeof arguments->port, url, port) || atol(arguments->port) > 65535)
            return false;
        url += port;
    }
    if (*url == '\0')
        url = "/";
    return *url == '/' && take(arguments->path, sizeof arguments->path, url, strlen(url));
}

/* Cuts KEY=VALUE into its two parts. */
static bool add_setting(char *text, struct arguments *arguments)
{
    char *equals = strchr(text, '=');

    if (equals == NULL || arguments->setting_count == SETTINGS_MAX)
        return false;
    *equals = '\0';
    arguments->settings[arguments->setting_count++] = text;
    arguments->settings[arguments->setting_count++] = equals + 1;
    return true;
}

static bool read_arguments(int argc, char **argv, struct arguments *arguments)
{
    int option;

    while ((option = getopt(argc, argv, "23a:b:C:m:")) != -1) {
        switch (option) {
        case '2': arguments->version = TLS1_2_VERSION; break;
        case '3': arguments->version = TLS1_3_VERSION; break;
        case 'a': arguments->address = optarg; break;
        case 'b': arguments->source = optarg; break;
        case 'C': arguments->roots = optarg; break;
        case 'm':
            if (!add_setting(optarg, arguments))
                return false;
            break;
        default: return false;
        }
    }
    return optind + 1 == argc && read_url(argv[optind], arguments);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    SSL_CTX *context;
    int status;

    if (!read_arguments(argc, argv, &arguments)) {
        usage();
        return USAGE;
    }
    /* A server that has gone away is an error of SSL_write, and does not end the program. */
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
        complain("SIGPIPE");
        return USAGE;
    }
    context = make_context(&arguments);
    if (context == NULL)
        return USAGE;
    status = fetch(context, &arguments);
    SSL_CTX_free(context);
    return status;
}
