internal import Glibc
internal import LogsStore
internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// Takes commands of this machine while the server runs. Only the server's own user and root may give them: the socket
/// belongs to that user alone, and who connects is looked at besides. Bound to its loop's thread.
final class ControlSocket {
  private let loop: EventLoop
  private let log: (LogLine) -> Void
  private let perform: (ControlCommand, ControlAnswer) -> Void
  private var listener: Listener?
  /// Oldest first.
  private var calls: [ControlCall] = []

  /// Calls at once. One that comes then takes the place of the oldest that has not said what it wants; if all have, it
  /// is refused.
  static let callCountMax = 16
  /// How long a caller may take to say what it wants.
  static let commandDurationMax = Duration.seconds(10)
  /// How long the line with a command may be.
  static let commandByteCountMax = 256

  /// - Parameters:
  ///   - log: takes a line for each call that is refused.
  ///   - perform: carries out a command.
  init(
    on loop: EventLoop, log: @escaping (LogLine) -> Void, perform: @escaping (ControlCommand, ControlAnswer) -> Void
  ) {
    self.loop = loop
    self.log = log
    self.perform = perform
  }

  /// Begins to listen.
  func open(_ path: String) throws(TransportError) {
    listener = try Listener.listen(on: .unix(path: path), loop: loop) { [weak self] in self?.adopt($0) }
    unsafe chmod(path, 0o600)
  }

  func close() {
    listener?.close()
    listener = nil
  }

  private func adopt(_ socket: AcceptedSocket) {
    let connection = Connection(adopting: socket, on: loop)
    let call = ControlCall(connection, log: log, perform: perform) { [weak self] in self?.forget($0) }
    let user = connection.peerProcess?.user
    guard let user, user == geteuid() || user == 0 else {
      let owners = geteuid() == 0 ? "user 0" : "user \(geteuid()) and root"
      return call.refuse("\(user.map { "user \($0)" } ?? "who calls") may not do that; \(owners) may")
    }
    if calls.count >= Self.callCountMax {
      guard let idle = calls.first(where: { !$0.isAsked }) else {
        return call.refuse("\(calls.count) commands are under way, which is as many as there may be; try again")
      }
      idle.refuse("others wait; say at once what to do")
    }
    calls.append(call)
    connection.handler = call
  }

  private func forget(_ call: ControlCall) { calls.removeAll { $0 === call } }
}

/// The way back to who has called.
struct ControlAnswer {
  private weak var call: ControlCall?

  init(_ call: ControlCall) { self.call = call }

  /// Whether somebody waits for it.
  var isAwaited: Bool { call?.isOpen ?? false }

  /// Ends the call. The command has failed if a line is an error.
  func give(_ lines: [LogLine]) { call?.end(lines) }
}
