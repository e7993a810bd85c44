internal import CEvent
internal import LogsSystem
internal import LogsWire

/// A `connect(2)` in progress.
final class ConnectCall {
  let address: SocketAddress
  private var socket: Descriptor?
  private var event: Event?
  private var answered: ((ConnectCall) -> Void)?

  /// - Parameter answered: called on the loop when the outcome is known.
  init(
    socket: consuming Descriptor, address: SocketAddress, loop: EventLoop, answered: @escaping (ConnectCall) -> Void
  ) throws(SystemError) {
    self.address = address
    let number = socket.number
    self.socket = consume socket
    self.answered = answered
    // The attempt keeps this call until the event has fired or `takeSocket` has freed it, and empties it in both cases.
    let context = unsafe Unmanaged.passUnretained(self).toOpaque()
    event = unsafe loop.makeEvent(number, EV_WRITE, context: context) { _, _, context in
      guard let context = unsafe context else { return }
      let call = unsafe Unmanaged<ConnectCall>.fromOpaque(context).takeUnretainedValue()
      call.answered?(call)
    }
    guard let isAdded = event?.add(), isAdded else { throw .last }
  }

  /// Ends the wait and returns the socket; nil if it has been taken.
  func takeSocket() -> Descriptor? {
    event = nil
    answered = nil
    var taken: Descriptor?
    swap(&taken, &socket)
    return taken
  }
}
