internal import CEvent

/// libevent's `event`: removed from its base and freed with this object, even inside its own callback.
@safe struct Event: ~Copyable {
  private let pointer: OpaquePointer

  init(adopting pointer: OpaquePointer) { unsafe self.pointer = pointer }

  deinit { unsafe event_free(pointer) }

  /// Starts waiting. Returns whether it worked (`errno` says why not).
  func add() -> Bool { unsafe event_add(pointer, nil) == 0 }

  /// Has the callback run in the next turn, as if the descriptor were ready.
  func fire() { unsafe event_active(pointer, EV_READ, 0) }

  /// Stops waiting; `add` starts again.
  func remove() { unsafe _ = event_del(pointer) }
}
