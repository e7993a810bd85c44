#ifndef LOGS_ALLOCATIONS_H
#define LOGS_ALLOCATIONS_H

/// Counts what a program asks of malloc and its relatives, from Swift, SQLite, zstd or libevent.
///
/// A program that links this has malloc, calloc, realloc, memalign, aligned_alloc and posix_memalign of its own, which count and
/// hand on to glibc's. What is freed is not counted.

/// Whether anything is counted: not under a sanitizer, which has an allocator of its own.
int logs_allocations_are_counted(void);

/// Allocations of the calling thread so far.
unsigned long logs_thread_allocation_count(void);

/// From now on allocations of all threads are counted, too, which costs each of them an atomic addition.
void logs_count_process_allocations(void);

/// Allocations of all threads since then.
unsigned long logs_process_allocation_count(void);

#endif
