internal import CEvent
internal import LogsWire

/// libevent's `event_base`. Every event made on it must be freed before it.
@safe struct EventBase: ~Copyable {
  private let pointer: OpaquePointer

  init() throws(TransportError) {
    guard let config = unsafe event_config_new() else { outOfMemory(0, for: "an event loop") }
    defer { unsafe event_config_free(config) }
    // epoll, whatever the environment says (EVENT_NOEPOLL): the other methods are not edge-triggered, and a loop would
    // spin while its wake-up stays readable.
    precondition(
      unsafe event_config_set_flag(config, Int32(EVENT_BASE_FLAG_IGNORE_ENV.rawValue)) == 0
        && event_config_require_features(config, Int32(EV_FEATURE_ET.rawValue)) == 0,
      "flag and feature are known to libevent 2.1")
    guard let base = unsafe event_base_new_with_config(config) else {
      throw .noLoop()
    }
    unsafe pointer = base
  }

  deinit { unsafe event_base_free(pointer) }

  /// One turn: waits for events if requested, then runs their callbacks.
  func runTurn(waiting: Bool) {
    let flags = waiting ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK
    precondition(unsafe event_base_loop(pointer, flags) >= 0, "libevent waits on valid descriptors")
  }

  /// An event that is not added yet.
  ///
  /// - Parameters:
  ///   - descriptor: a file descriptor, or the number of a signal.
  ///   - context: passed to `callback`; must stay valid as long as the event exists.
  func makeEvent(
    _ descriptor: Int32, _ kinds: Int32, context: UnsafeMutableRawPointer, callback: event_callback_fn
  ) -> Event {
    guard let event = unsafe event_new(pointer, descriptor, Int16(kinds), callback, context) else {
      outOfMemory(0, for: "an event")
    }
    return unsafe Event(adopting: event)
  }
}
