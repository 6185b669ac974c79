/* A small HTTPS server on OpenSSL: one certificate, one document.
 *
 *     server -c chain.pem -k key.pem -d page.html -m vouchers=/var/lib/mecai/vouchers 192.0.2.10 443
 *
 * To clients that ask for vouchers it shows those that `mecai agent` has put into the store, and keeps up with what
 * changes there. What that takes stands between `MECAI` and `end of MECAI`; the rest is what any server has. A few
 * threads each take a connection at a time; SIGTERM or SIGINT ends them all. */

#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
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

#define THREADS 8
/* A client that says nothing for so long is given up. */
#define SILENCE_SECONDS 10
#define DOCUMENT_MAX (1024 * 1024)
/* Keys and values. An even number. */
#define SETTINGS_MAX 64

/* What the command line says. Nothing in it is to be freed. */
struct arguments {
    const char *chain, *key, *document, *address, *port;
    const char *settings[SETTINGS_MAX];
    size_t setting_count;
};

/* What all threads share, and none changes. */
struct server {
    SSL_CTX *context;
    int listener;
    /* Becomes readable when it is time to end. */
    int end;
    char *document;
    size_t document_length;
};

static void usage(void)
{
    fputs("usage: server -c FILE -k FILE -d FILE -m vouchers=DIRECTORY [-m KEY=VALUE]... ADDRESS PORT\n"
          "  -c  the certificate and its intermediates, PEM\n"
          "  -k  the private key, PEM\n"
          "  -d  the document that is served\n"
          "  -m  a setting of MECAI; all are in docs/module.md\n",
          stderr);
}

static void complain(const char *what)
{
    fprintf(stderr, "server: %s: %s\n", what, strerror(errno));
}

/* The context of all connections; NULL after a failure. */
static SSL_CTX *make_context(const struct arguments *arguments)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    char why[512];

    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_use_certificate_chain_file(context, arguments->chain) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, arguments->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        ERR_print_errors_fp(stderr);
        SSL_CTX_free(context);
        return NULL;
    }
    /* MECAI: before the context's first connection. The settings are strings, key and value in turn:
     *
     *     const char *settings[] = {"role", "server", "vouchers", "/var/lib/mecai/vouchers"}; */
    if (mecai_openssl_attach(context, arguments->settings, arguments->setting_count, why, sizeof why) !=
        MECAI_OPENSSL_OK) {
        fprintf(stderr, "server: MECAI: %s\n", why);
        SSL_CTX_free(context);
        return NULL;
    }
    /* end of MECAI */
    return context;
}

/* Reads the document; the caller frees `server->document`. */
static bool read_document(const char *path, struct server *server)
{
    FILE *file = fopen(path, "rb");
    bool is_read = false;

    server->document = malloc(DOCUMENT_MAX);
    if (file != NULL && server->document != NULL) {
        server->document_length = fread(server->document, 1, DOCUMENT_MAX, file);
        is_read = !ferror(file) && fgetc(file) == EOF;
        if (!is_read && !ferror(file))
            errno = EFBIG;
    }
    if (!is_read)
        complain(path);
    if (file != NULL)
        fclose(file);
    return is_read;
}

/* A socket that listens, and does not wait in accept; -1 after a failure. */
static int listen_at(const char *address, const char *port)
{
    struct addrinfo hints = {0}, *found = NULL;
    int listener, status, yes = 1;

    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
    status = getaddrinfo(address, port, &hints, &found);
    if (status != 0) {
        fprintf(stderr, "server: %s port %s: %s\n", address, port, gai_strerror(status));
        return -1;
    }
    listener = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
    if (listener == -1 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(listener, found->ai_addr, found->ai_addrlen) != 0 || listen(listener, SOMAXCONN) != 0 ||
        fcntl(listener, F_SETFL, O_NONBLOCK) != 0) {
        complain(address);
        if (listener != -1)
            close(listener);
        listener = -1;
    }
    freeaddrinfo(found);
    return listener;
}

/* Reads up to the end of a request's head; whether it is one for a document. */
static bool read_request(SSL *ssl)
{
    char head[8192 + 1];
    size_t length = 0;

    while (length < sizeof head - 1) {
        int more = SSL_read(ssl, head + length, (int)(sizeof head - 1 - length));

        if (more <= 0)
            return false;
        length += (size_t)more;
        head[length] = '\0';
        if (strstr(head, "\r\n\r\n") != NULL)
            return strncmp(head, "GET ", 4) == 0;
    }
    return false;
}

static void answer(SSL *ssl, const struct server *server)
{
    char head[128];
    int length = snprintf(head, sizeof head,
                          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
                          "Connection: close\r\n\r\n",
                          server->document_length);

    if (length > 0 && SSL_write(ssl, head, length) == length &&
        (server->document_length == 0 ||
         SSL_write(ssl, server->document, (int)server->document_length) == (int)server->document_length))
        SSL_shutdown(ssl);
}

/* One connection, from its handshake to its end. What goes wrong is the client's business. */
static void serve_connection(const struct server *server, int connection)
{
    const struct timeval silence = {SILENCE_SECONDS, 0};
    SSL *ssl = SSL_new(server->context);

    if (ssl != NULL && setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence) == 0 &&
        setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof silence) == 0 &&
        SSL_set_fd(ssl, connection) == 1 && SSL_accept(ssl) == 1 && read_request(ssl))
        answer(ssl, server);
    ERR_clear_error();
    SSL_free(ssl);
    close(connection);
}

/* What every thread does until the end. */
static void *serve(void *argument)
{
    const struct server *server = argument;
    struct pollfd waited[2] = {{0}, {0}};

    waited[0].fd = server->listener;
    waited[1].fd = server->end;
    waited[0].events = waited[1].events = POLLIN;
    for (;;) {
        int connection;

        if (poll(waited, 2, -1) == -1) {
            if (errno == EINTR)
                continue;
            complain("poll");
            return NULL;
        }
        if (waited[1].revents != 0)
            return NULL;
        /* Another thread may have been faster. */
        connection = accept(server->listener, NULL, NULL);
        if (connection != -1)
            serve_connection(server, connection);
    }
}

/* Starts the threads, waits for a signal, and ends them. */
static int run(struct server *server, const sigset_t *signals)
{
    pthread_t threads[THREADS];
    int ends[2], count, status, number, index;

    if (pipe(ends) != 0) {
        complain("pipe");
        return 1;
    }
    server->end = ends[0];
    for (count = 0; count < THREADS; count++) {
        status = pthread_create(&threads[count], NULL, serve, server);
        if (status != 0) {
            fprintf(stderr, "server: a thread: %s\n", strerror(status));
            break;
        }
    }
    status = count == THREADS && sigwait(signals, &number) == 0 ? 0 : 1;
    /* The other end of the pipe becomes readable, for all threads. */
    close(ends[1]);
    for (index = 0; index < count; index++)
        if (pthread_join(threads[index], NULL) != 0)
            status = 1;
    close(ends[0]);
    return status;
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

    arguments->settings[0] = "role";
    arguments->settings[1] = "server";
    arguments->setting_count = 2;
    while ((option = getopt(argc, argv, "c:k:d:m:")) != -1) {
        switch (option) {
        case 'c': arguments->chain = optarg; break;
        case 'k': arguments->key = optarg; break;
        case 'd': arguments->document = optarg; break;
        case 'm':
            if (!add_setting(optarg, arguments))
                return false;
            break;
        default: return false;
        }
    }
    if (optind + 2 != argc || arguments->chain == NULL || arguments->key == NULL || arguments->document == NULL)
        return false;
    arguments->address = argv[optind];
    arguments->port = argv[optind + 1];
    return true;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct server server = {0};
    sigset_t signals;
    int status = 1;

    if (!read_arguments(argc, argv, &arguments)) {
        usage();
        return 2;
    }
    /* The signals wait for sigwait, in this thread and in those that it starts. A client that has gone away is an error
     * of SSL_write, and does not end the program. */
    if (sigemptyset(&signals) != 0 || sigaddset(&signals, SIGTERM) != 0 || sigaddset(&signals, SIGINT) != 0 ||
        pthread_sigmask(SIG_BLOCK, &signals, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
        complain("signals");
        return 1;
    }
    server.listener = -1;
    server.context = make_context(&arguments);
    if (server.context != NULL && read_document(arguments.document, &server))
        server.listener = listen_at(arguments.address, arguments.port);
    if (server.listener != -1) {
        status = run(&server, &signals);
        close(server.listener);
    }
    free(server.document);
    SSL_CTX_free(server.context);
    return status;
}
