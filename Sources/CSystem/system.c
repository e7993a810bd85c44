#define _GNU_SOURCE
#include "system.h"

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

void logs_set_thread_name(const char *name) { pthread_setname_np(pthread_self(), name); }

void logs_trim_heap(void) { malloc_trim(0); }

void logs_set_thread_idle(void) {
  struct sched_param none = {0};
  pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
}

// On Linux a thread has a niceness of its own.
void logs_set_thread_nice(int nice) { setpriority(PRIO_PROCESS, (id_t)gettid(), nice); }
