/* Two QUIC connections in one process, over loopback: the second offers the session of the first. Prints what came of
   each. usage: quic ROOT CERTIFICATE KEY */
#include <arpa/inet.h>
#include <openssl/quic.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define HOST "www.shop.example"

static const unsigned char ALPN[] = "\4mine";
static SSL_SESSION *session;

/* A copy: the session itself ends with its connection, which is not shut down. */
static int keep(SSL *ssl, SSL_SESSION *fresh) {
    (void)ssl;
    SSL_SESSION_free(session);
    session = SSL_SESSION_dup(fresh);
    return 0;
}

static int choose(SSL *ssl, const unsigned char **out, unsigned char *length, const unsigned char *offered,
                  unsigned int offered_length, void *argument) {
    (void)ssl, (void)argument;
    return SSL_select_next_proto((unsigned char **)out, length, ALPN, sizeof ALPN - 1, offered, offered_length) ==
                   OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* A datagram socket on a free port. */
static int bound(struct sockaddr_in *address) {
    socklen_t length = sizeof *address;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(fd, (struct sockaddr *)address, length) != 0 || getsockname(fd, (struct sockaddr *)address, &length) != 0)
        return -1;
    return fd;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL);
    SSL_CTX *client = SSL_CTX_new(OSSL_QUIC_client_method()), *server = SSL_CTX_new(OSSL_QUIC_server_method());
    SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(client, keep);
    SSL_CTX_set_alpn_select_cb(server, choose, NULL);
    if (!SSL_CTX_load_verify_locations(client, argv[1], NULL) || !SSL_CTX_use_certificate_chain_file(server, argv[2]) ||
        !SSL_CTX_use_PrivateKey_file(server, argv[3], SSL_FILETYPE_PEM))
        return 3;
    struct sockaddr_in here, ignored;
    struct pollfd sockets[] = {{bound(&here), POLLIN, 0}, {bound(&ignored), POLLIN, 0}};
    SSL *listener = SSL_new_listener(server, 0);
    if (!SSL_set_fd(listener, sockets[0].fd) || !SSL_set_blocking_mode(listener, 0) || !SSL_listen(listener)) return 4;
    BIO_ADDR *peer = BIO_ADDR_new();
    BIO_ADDR_rawmake(peer, AF_INET, &here.sin_addr, sizeof here.sin_addr, here.sin_port);
    for (int number = 0; number < 2; number++) {
        SSL *asks = SSL_new(client), *answers = NULL;
        if (!SSL_set_fd(asks, sockets[1].fd) || !SSL_set_blocking_mode(asks, 0) ||
            !SSL_set1_initial_peer_addr(asks, peer) || SSL_set_alpn_protos(asks, ALPN, sizeof ALPN - 1) != 0)
            return 4;
        SSL_set1_host(asks, HOST);
        SSL_set_tlsext_host_name(asks, HOST);
        if (session != NULL) SSL_set_session(asks, session);
        time_t end = time(NULL) + 20;
        int asked = -1, failed = 0;
        /* The ticket comes after the handshake. */
        for (int tickets = 0; !failed && (asked != 1 || !tickets) && time(NULL) < end;) {
            SSL_handle_events(listener);
            if (answers == NULL) answers = SSL_accept_connection(listener, SSL_ACCEPT_CONNECTION_NO_BLOCK);
            if (answers != NULL) SSL_do_handshake(answers);
            if (asked != 1) asked = SSL_connect(asks);
            else SSL_handle_events(asks);
            if (asked != 1) {
                int error = SSL_get_error(asks, asked);
                failed = error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
            }
            tickets = session != NULL;
            poll(sockets, 2, 10);
        }
        printf("%s %s %ld\n", asked == 1 ? "connected" : "refused", SSL_session_reused(asks) ? "again" : "anew",
               SSL_get_verify_result(asks));
        SSL_free(asks);
        SSL_free(answers);
    }
    SSL_SESSION_free(session);
    BIO_ADDR_free(peer);
    SSL_free(listener);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    return 0;
}
