/* What the programs that misuse the C libraries share: expectations, the edge of a page, good files. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned passed, failed;

static void expect(bool holds, const char *format, ...)
{
    va_list arguments;
    if (holds) {
        passed++;
        return;
    }
    failed++;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

/* Says how many expectations held; the status to end with. */
static int tell(void)
{
    printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}

/* A copy of the octets that ends where a page begins that cannot be read. */
static const void *at_edge(const void *octets, size_t length)
{
    static unsigned char *start;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = 64 * page;
    if (start == NULL) {
        start = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (start == MAP_FAILED || mprotect(start + room, page, PROT_NONE) != 0)
            abort();
    }
    if (length > room)
        abort();
    if (length > 0)
        memcpy(start + room - length, octets, length);
    return start + room - length;
}

struct file {
    uint8_t *data;
    size_t len;
};

static struct file read_file(const char *directory, const char *name)
{
    char path[4096];
    struct file file;
    FILE *stream;
    long length;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    stream = fopen(path, "rb");
    if (stream == NULL || fseek(stream, 0, SEEK_END) != 0 || (length = ftell(stream)) < 0)
        abort();
    rewind(stream);
    file.len = (size_t)length;
    file.data = malloc(file.len + 1);
    if (file.data == NULL || fread(file.data, 1, file.len, stream) != file.len)
        abort();
    file.data[file.len] = 0;
    fclose(stream);
    return file;
}
