// Only the kernel's headers: what libc's define (struct timespec) belongs to Swift's Glibc module, and a second owner breaks
// the release build.
#include <asm/unistd.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/stat.h>

long syscall(long number, ...);

/// Linux calls that glibc declares only with _GNU_SOURCE, or that are variadic: Swift sees neither.

/// The working directory, for calls that take a directory (open(2)).
enum { LOGS_AT_FDCWD = -100 };

/// Inode and birth time (seconds, nanoseconds; 0 where the file system does not know) of a file. -1 and errno on failure.
static inline int logs_file_identity(
    const char *path, unsigned long long *inode, long long *seconds, unsigned int *nanoseconds) {
  struct statx status;
  if (syscall(__NR_statx, LOGS_AT_FDCWD, path, 0, STATX_INO | STATX_BTIME, &status) != 0) return -1;
  int has_birth = (status.stx_mask & STATX_BTIME) != 0;
  *inode = status.stx_ino;
  *seconds = has_birth ? status.stx_btime.tv_sec : 0;
  *nanoseconds = has_birth ? status.stx_btime.tv_nsec : 0;
  return 0;
}

/// Names the calling thread, with at most 15 bytes.
static inline void logs_set_thread_name(const char *name) { syscall(__NR_prctl, PR_SET_NAME, name, 0, 0, 0); }

/// Gives the calling thread only time that no other wants. A hint: a system that refuses goes on as before.
static inline void logs_set_thread_idle(void) {
  int no_priority = 0;
  syscall(__NR_sched_setscheduler, 0, SCHED_IDLE, &no_priority);
}
