#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <event2/buffer.h>
#include <event2/event.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

// Swift sees neither the flags of eventfd nor what only _GNU_SOURCE declares.

static inline int logs_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

static inline int logs_eventfd_signal(int descriptor) { return eventfd_write(descriptor, 1); }

static inline void logs_eventfd_clear(int descriptor) {
  eventfd_t count;
  (void)eventfd_read(descriptor, &count);
}

static inline void logs_name_thread(const char *name) { (void)pthread_setname_np(pthread_self(), name); }

// The process at the other end of a Unix socket; -1 if unknown.
static inline int logs_peer_process(int descriptor) {
  struct ucred credentials;
  socklen_t size = sizeof credentials;
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return -1;
  return credentials.pid;
}

static inline int logs_accept(int descriptor, struct sockaddr *address, socklen_t *size) {
  return accept4(descriptor, address, size, SOCK_NONBLOCK | SOCK_CLOEXEC);
}
