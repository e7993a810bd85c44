#ifndef LOGS_SYSTEM_H
#define LOGS_SYSTEM_H

/// Linux calls that glibc declares only with _GNU_SOURCE, or that are variadic: Swift sees neither. This header includes no
/// other, so that the types of the system's stay in the module that Swift knows them from.

/// Inode and birth time (seconds, nanoseconds; 0 where the file system does not know) of a file. -1 and errno on failure.
int logs_file_identity(
    const char *path, unsigned long long *inode, long long *seconds, unsigned int *nanoseconds);

/// The same, and the device, of an open file.
int logs_open_file_identity(
    int descriptor, unsigned long long *device, unsigned long long *inode, long long *seconds,
    unsigned int *nanoseconds);

/// Whether any process has an open file open for writing: 1 or 0; -1 where the system does not tell.
int logs_has_writer(int descriptor);

/// Where data begins in an open file from `offset` on, behind a hole; -1 if there is none or the system does not tell.
long long logs_next_data(int descriptor, long long offset);

/// Opens a file for writes that are durable when they return, past the page cache if the file system has that. `block`
/// gets what offsets, lengths and memory then have to be a multiple of, `is_direct` whether the cache is passed by.
///
/// Returns the descriptor, -1 and errno on failure.
int logs_open_durable(const char *path, unsigned *block, int *is_direct);

/// Writes all of `bytes` and waits until it is durable: 0, or -1 and errno.
int logs_write_durable(int descriptor, const void *bytes, unsigned long count, long long offset);

/// Makes the empty file `target` one that shares its blocks on the disk with `source`: 0, or -1 and errno where the file
/// system cannot.
int logs_clone_file(int target, int source);

/// Whether a file is in a file system of the kernel's own (proc, sysfs, control groups), which takes no files: 1 or 0, or -1
/// and errno.
int logs_is_of_kernel(const char *path);

/// Names the calling thread, with at most 15 bytes.
void logs_set_thread_name(const char *name);

/// Gives the calling thread only time that no other wants. A hint: a system that refuses goes on as before.
void logs_set_thread_idle(void);

/// Gives the calling thread less time than others that want some: the higher `nice`, from 0 to 19, the less. A hint, too.
void logs_set_thread_nice(int nice);

/// Gives the system what the heap does not use.
void logs_trim_heap(void);

/// Reports a crash of this process in one line on stderr, before the signal's default action ends it: `program` says whose, `advice`
/// what to do, in at most 511 bytes. Signals that have a handler already are left alone.
void logs_report_crashes(const char *program, const char *advice);

/// Gives the calling thread a stack of its own for that report: its usual one may be what has run out.
void logs_use_crash_stack(void);

/// Says in one line on stderr what the memory was wanted for, and how much, 0 if that is not known; then aborts.
void logs_out_of_memory(unsigned long long byte_count, const char *purpose) __attribute__((noreturn));

/// Copies `text` with A to Z in lower case.
void logs_lower(unsigned char *copy, const unsigned char *text, unsigned long count);

/// Where `byte` is first in `text`, -1 if nowhere.
long logs_find_byte(const void *text, unsigned long count, unsigned char byte);

/// Where `needle`, which has at least one byte, is first in `text`, -1 if nowhere.
long logs_find(const void *text, unsigned long count, const void *needle, unsigned long needle_count);

/// Where words begin and end in `text`, in turn: the longest runs of ASCII digits, lower-case letters and `_`. `bounds`
/// has room for `count` + 1 numbers.
///
/// Returns how many numbers it wrote.
unsigned long logs_words(const unsigned char *text, unsigned long count, unsigned *bounds);

/// Begins to load a cache line that is needed soon.
static inline void logs_prefetch(const void *place) { __builtin_prefetch(place); }

#endif
