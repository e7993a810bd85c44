internal import CEvent
internal import LogsWire

/// libevent's `event`: taken from its base and freed when this goes, also from inside its own callback.
@safe struct Event: ~Copyable {
  private let pointer: OpaquePointer

  init(adopting pointer: OpaquePointer) { unsafe self.pointer = pointer }

  deinit { unsafe event_free(pointer) }

  /// Starts waiting; answers whether the system could (`errno` says why not).
  func add() -> Bool { unsafe event_add(pointer, nil) == 0 }

  /// Starts waiting for a time; 0 means the next turn.
  func add(afterNanoseconds delay: UInt64) {
    // Rounded up: a timer is never early.
    let microseconds = delay / 1000 + (delay % 1000 == 0 ? 0 : 1)
    var timeout = timeval(
      tv_sec: Int(microseconds / 1_000_000), tv_usec: Int(microseconds % 1_000_000))
    precondition(unsafe event_add(pointer, &timeout) == 0, "out of memory: timer")
  }

  /// Stops waiting; `add` starts again.
  func remove() { unsafe _ = event_del(pointer) }
}
