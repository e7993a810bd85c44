internal import Glibc
internal import LogsSystem
internal import Synchronization

/// An accepted socket that no connection owns yet. It can be handed to any loop; if nobody takes it, it is closed.
package final class AcceptedSocket: Sendable {
  /// The other side, for messages and limits: `127.0.0.1:41234`, `unix socket of user 1000, process 12`.
  package let peer: String
  /// Nil unless it is a Unix socket.
  package let process: PeerProcess?
  private let number: Atomic<Int32>

  init(_ descriptor: consuming Descriptor, peer: String, process: PeerProcess?) {
    self.peer = peer
    self.process = process
    number = Atomic(descriptor.release())
  }

  deinit { if let descriptor = takeIfThere() { _ = consume descriptor } }

  /// The socket, once.
  func take() -> Descriptor {
    guard let descriptor = takeIfThere() else { preconditionFailure("an accepted socket is adopted once") }
    return descriptor
  }

  private func takeIfThere() -> Descriptor? {
    let number = number.exchange(-1, ordering: .acquiringAndReleasing)
    return number < 0 ? nil : Descriptor(adopting: number)
  }
}
