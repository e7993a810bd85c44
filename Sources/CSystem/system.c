#define _GNU_SOURCE
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/uio.h>
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

int logs_clone_file(int target, int source) { return ioctl(target, FICLONE, source); }

int logs_is_of_kernel(const char *path) {
  struct statfs status;
  if (statfs(path, &status) != 0) return -1;
  switch (status.f_type) {
  case PROC_SUPER_MAGIC:
  case SYSFS_MAGIC:
  case CGROUP_SUPER_MAGIC:
  case CGROUP2_SUPER_MAGIC: return 1;
  default: return 0;
  }
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

enum { small_block = 512, large_block = 4096 };

/// Whether blocks of this size can be read past the page cache.
static int takes_block(int descriptor, unsigned block) {
  void *bytes = NULL;
  if (posix_memalign(&bytes, large_block, large_block) != 0) return 0;
  ssize_t count = pread(descriptor, bytes, block, 0);
  free(bytes);
  return count >= 0;
}

int logs_open_durable(const char *path, unsigned *block, int *is_direct) {
  int descriptor = open(path, O_RDWR | O_CLOEXEC | O_DIRECT);
  if (descriptor >= 0) {
    *is_direct = 1;
    for (unsigned size = small_block; size <= large_block; size = size * 8) {
      *block = size;
      if (takes_block(descriptor, size)) return descriptor;
    }
    close(descriptor);
  } else if (errno != EINVAL) {
    return -1;
  }
  *is_direct = 0;
  *block = small_block;
  return open(path, O_RDWR | O_CLOEXEC);
}

int logs_write_durable(int descriptor, const void *bytes, unsigned long count, long long offset) {
  while (count > 0) {
    struct iovec part = {(void *)bytes, count};
    ssize_t written = pwritev2(descriptor, &part, 1, offset, RWF_DSYNC);
    if (written < 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) {
      written = pwrite(descriptor, bytes, count, offset);
      if (written >= 0 && fdatasync(descriptor) != 0) return -1;
    }
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return -1;
    if (written == 0) {
      errno = EIO;
      return -1;
    }
    bytes = (const char *)bytes + written;
    count -= written;
    offset += written;
  }
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
