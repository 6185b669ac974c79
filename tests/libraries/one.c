/* A program of libmecai: it says which library it has, and has it read octets. */
#include <mecai.h>
#include <stdio.h>

int main(void) {
    const uint8_t octets[] = {0x30, 0x00};
    mecai_bundle *bundle = NULL;
    mecai_error *error = NULL;
    mecai_bytes sentence = {NULL, 0};
    mecai_result result = MECAI_OK;

    printf("libmecai %s, ABI %u\n", mecai_version(), (unsigned)mecai_abi_version());
    if (mecai_abi_version() != MECAI_ABI_VERSION) return 1;
    if (mecai_bundle_parse(octets, sizeof octets, &bundle, &error) == MECAI_OK || bundle != NULL) return 2;
    if (mecai_error_get(error, &result, &sentence) != MECAI_OK || result == MECAI_OK || sentence.len == 0) return 3;
    return mecai_error_free(error) == MECAI_OK ? 0 : 4;
}
