internal import CEvent

/// libevent's `event`: taken from its base and freed when this goes, also from inside its own callback.
@safe struct Event: ~Copyable {
  private let pointer: OpaquePointer

  init(adopting pointer: OpaquePointer) { unsafe self.pointer = pointer }

  deinit { unsafe event_free(pointer) }

  /// Starts waiting; answers whether the system could (`errno` says why not).
  func add() -> Bool { unsafe event_add(pointer, nil) == 0 }

  /// Stops waiting; `add` starts again.
  func remove() { unsafe _ = event_del(pointer) }
}
