#include "allocations.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

static _Thread_local unsigned long thread_count;
static atomic_bool counts_process;
static atomic_ulong process_count;

unsigned long logs_thread_allocation_count(void) { return thread_count; }
void logs_count_process_allocations(void) { atomic_store(&counts_process, 1); }
unsigned long logs_process_allocation_count(void) { return atomic_load(&process_count); }

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)

int logs_allocations_are_counted(void) { return 0; }

#else

int logs_allocations_are_counted(void) { return 1; }

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static void count(void) {
  thread_count++;
  if (atomic_load_explicit(&counts_process, memory_order_relaxed))
    atomic_fetch_add_explicit(&process_count, 1, memory_order_relaxed);
}

void *malloc(size_t size) {
  count();
  return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
  count();
  return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size) {
  count();
  return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
  if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
  void *allocated = memalign(alignment, size);
  if (allocated == NULL) return ENOMEM;
  *memory = allocated;
  return 0;
}

#endif
