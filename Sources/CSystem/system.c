#define _GNU_SOURCE
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

int logs_file_identity(
    const char *path, unsigned long long *inode, long long *seconds, unsigned int *nanoseconds) {
  struct statx status;
  if (statx(AT_FDCWD, path, 0, STATX_INO | STATX_BTIME, &status) != 0) return -1;
  int has_birth = (status.stx_mask & STATX_BTIME) != 0;
  *inode = status.stx_ino;
  *seconds = has_birth ? status.stx_btime.tv_sec : 0;
  *nanoseconds = has_birth ? status.stx_btime.tv_nsec : 0;
  return 0;
}

int logs_open_file_identity(
    int descriptor, unsigned long long *device, unsigned long long *inode, long long *seconds,
    unsigned int *nanoseconds) {
  struct statx status;
  if (statx(descriptor, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status) != 0) return -1;
  int has_birth = (status.stx_mask & STATX_BTIME) != 0;
  *device = (unsigned long long)status.stx_dev_major << 32 | status.stx_dev_minor;
  *inode = status.stx_ino;
  *seconds = has_birth ? status.stx_btime.tv_sec : 0;
  *nanoseconds = has_birth ? status.stx_btime.tv_nsec : 0;
  return 0;
}

// A lease for reading is refused as long as somebody has the file open for writing.
int logs_has_writer(int descriptor) {
  if (fcntl(descriptor, F_SETLEASE, F_RDLCK) != 0) return errno == EAGAIN ? 1 : -1;
  fcntl(descriptor, F_SETLEASE, F_UNLCK);
  return 0;
}

long long logs_next_data(int descriptor, long long offset) { return lseek(descriptor, offset, SEEK_DATA); }

void logs_set_thread_name(const char *name) { pthread_setname_np(pthread_self(), name); }

void logs_trim_heap(void) { malloc_trim(0); }

void logs_set_thread_idle(void) {
  struct sched_param none = {0};
  pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
}

// On Linux a thread has a niceness of its own.
void logs_set_thread_nice(int nice) { setpriority(PRIO_PROCESS, (id_t)gettid(), nice); }
