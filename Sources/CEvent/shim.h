// First, before libevent's headers define _GNU_SOURCE: fd_set must read as it does in Swift's own Glibc module, or the
// compiler finds two definitions of one type, depending on what it has cached. What this hides is declared below.
#include <sys/select.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <malloc.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

int accept4(int descriptor, struct sockaddr *address, socklen_t *size, int flags);

// What an allocation really takes of the heap.
static inline size_t logs_allocated_size(void *memory) { return malloc_usable_size(memory); }

static inline int logs_accept(int descriptor, struct sockaddr *address, socklen_t *size) {
  return accept4(descriptor, address, size, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static inline int logs_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

static inline int logs_eventfd_signal(int descriptor) { return eventfd_write(descriptor, 1); }

static inline int logs_timerfd(void) { return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK); }

// Rings at a time of the monotonic clock, in nanoseconds; 0 turns it off.
static inline int logs_timerfd_set(int descriptor, unsigned long long nanoseconds) {
  struct itimerspec time = {
      .it_value = {.tv_sec = (time_t)(nanoseconds / 1000000000), .tv_nsec = (long)(nanoseconds % 1000000000)}};
  return timerfd_settime(descriptor, TFD_TIMER_ABSTIME, &time, NULL);
}

static inline void logs_timerfd_clear(int descriptor) {
  unsigned long long count;
  (void)!read(descriptor, &count, sizeof count);
}

// A process at the other end of a Unix socket, when it connected; struct ucred of unix(7).
struct logs_peer {
  pid_t process;
  uid_t user;
  gid_t group;
};

// 0, or -1 and errno if it is unknown.
static inline int logs_peer_of(int descriptor, struct logs_peer *peer) {
  socklen_t size = sizeof *peer;
  return getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, peer, &size);
}
