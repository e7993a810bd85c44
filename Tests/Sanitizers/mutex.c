// Preloaded by `make tsan`. The thread sanitizer sees how Swift's Mutex is locked without contention, which is compiled
// into its callers; the rest is in a library that is not instrumented. Without this it would take what a contended lock
// protects for a race.
//
// https://github.com/swiftlang/swift/blob/release/6.3/stdlib/public/Synchronization/Mutex/LinuxImpl.swift

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

#define METHOD __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *handle

#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK_SLOW "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

METHOD void lock_slow(uint32_t thread, SELF) __asm__(LOCK_SLOW);
METHOD bool try_lock_slow(SELF) __asm__(TRY_LOCK_SLOW);
METHOD void unlock_slow(SELF) __asm__(UNLOCK_SLOW);

METHOD void lock_slow(uint32_t thread, SELF) {
  ((METHOD void (*)(uint32_t, SELF))dlsym(RTLD_NEXT, LOCK_SLOW))(thread, handle);
  if (__tsan_acquire) __tsan_acquire(handle);
}

METHOD bool try_lock_slow(SELF) {
  bool is_locked = ((METHOD bool (*)(SELF))dlsym(RTLD_NEXT, TRY_LOCK_SLOW))(handle);
  if (is_locked && __tsan_acquire) __tsan_acquire(handle);
  return is_locked;
}

METHOD void unlock_slow(SELF) {
  if (__tsan_release) __tsan_release(handle);
  ((METHOD void (*)(SELF))dlsym(RTLD_NEXT, UNLOCK_SLOW))(handle);
}
