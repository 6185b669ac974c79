/* Preloaded, lets one allocation of a program fail: the one whose number is in FAIL_MALLOC, from 1. The file that
 * FAIL_MALLOC_COUNT names receives how many there were. */

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static atomic_long count;

/* The environment is read at the first allocation, and getenv allocates nothing. */
static int fails(void)
{
    const char *wanted = getenv("FAIL_MALLOC");
    long number = atomic_fetch_add(&count, 1) + 1;

    if (wanted == NULL || atol(wanted) != number)
        return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }

void *calloc(size_t members, size_t size) { return fails() ? NULL : __libc_calloc(members, size); }

void *realloc(void *old, size_t size) { return fails() ? NULL : __libc_realloc(old, size); }

void *memalign(size_t alignment, size_t size) { return fails() ? NULL : __libc_memalign(alignment, size); }

void *aligned_alloc(size_t alignment, size_t size) { return fails() ? NULL : __libc_memalign(alignment, size); }

int posix_memalign(void **place, size_t alignment, size_t size)
{
    void *allocated = fails() ? NULL : __libc_memalign(alignment, size);

    if (allocated == NULL)
        return ENOMEM;
    *place = allocated;
    return 0;
}

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("FAIL_MALLOC_COUNT");
    long left = atomic_load(&count);
    char digits[24];
    size_t begin = sizeof digits;
    int file = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    if (file == -1)
        return;
    do
        digits[--begin] = (char)('0' + left % 10);
    while ((left /= 10) != 0);
    if (write(file, digits + begin, sizeof digits - begin) == -1)
        abort();
    close(file);
}
