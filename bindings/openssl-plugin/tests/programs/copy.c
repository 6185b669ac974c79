/* A library with an OpenSSL of its own inside, whose names can be found: a handshake by it. */
#include "handshake.h"

/* 1 if what has vouchers is accepted and what has none is not. */
int run(const char *root, const char *certificate, const char *key) {
    struct contexts contexts = contexts_new((struct files){root, certificate, key});
    handshakes(contexts, 2);
    contexts_free(contexts);
    return 1;
}
