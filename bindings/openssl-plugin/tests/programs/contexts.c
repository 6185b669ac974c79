/* Many contexts, client's and server's, made, used and freed. Prints by how many octets of memory in use the process
   grew after the first so many. usage: contexts FIRST COUNT ROOT CERTIFICATE KEY */
#include "handshake.h"
#include <malloc.h>

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    must_end();
    int first = atoi(argv[1]), count = atoi(argv[2]);
    struct files files = files_of(argc, argv);
    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL);
    size_t before = 0;
    for (int number = 0; number < count; number++) {
        if (number == first) before = mallinfo2().uordblks;
        struct contexts contexts = contexts_new(files);
        handshake(contexts, number % 2 == 0);
        contexts_free(contexts);
    }
    printf("%d contexts, grew %ld octets\n", count * 2, (long)(mallinfo2().uordblks - before));
    return 0;
}
