internal import Glibc
internal import LogsStore
internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// Takes commands of this machine while the server runs. Only the server's own user and root may give them: the socket
/// belongs to that user alone, and who connects is looked at besides. Bound to its loop's thread.
final class ControlSocket {
  private let loop: EventLoop
  private let perform: (ControlCommand, ControlAnswer) -> Void
  private var listener: Listener?
  private var callCount = 0

  /// Commands under way at once; one that comes then is closed at once.
  static let callCountMax = 16
  /// How long a caller may take to say what it wants.
  static let commandDurationMax = Duration.seconds(10)
  /// How long the line with a command may be.
  static let commandByteCountMax = 256

  /// - Parameter perform: carries out a command.
  init(on loop: EventLoop, perform: @escaping (ControlCommand, ControlAnswer) -> Void) {
    self.loop = loop
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
    let user = connection.peerProcess?.user
    guard callCount < Self.callCountMax, user == geteuid() || user == 0 else { return connection.close() }
    callCount += 1
    connection.handler = ControlConnection(connection, perform) { [weak self] in self?.callCount -= 1 }
  }
}

/// The way back to who has called.
struct ControlAnswer {
  private weak var connection: Connection?

  fileprivate init(_ connection: Connection) { self.connection = connection }

  /// Whether somebody waits for it.
  var isAwaited: Bool { connection?.isOpen ?? false }

  /// Ends the call. The command has failed if a line is an error.
  func give(_ lines: [LogLine]) {
    let isDone = !lines.contains { $0.level == .error }
    let last = isDone ? ControlCommand.success : ControlCommand.failure
    let words = lines.map { "\($0.level.rawValue) \(PrintableText.escaped($0.text))" } + [last]
    connection?.send(ByteString(words.map { "\($0)\n" }.joined()))
    connection?.closeLingering()
  }
}

/// One call.
private final class ControlConnection: ConnectionHandler {
  private let perform: (ControlCommand, ControlAnswer) -> Void
  private let ended: () -> Void
  private var line: [UInt8] = []
  private var isAsked = false
  private var timer: LoopTimer?

  init(
    _ connection: Connection, _ perform: @escaping (ControlCommand, ControlAnswer) -> Void,
    ended: @escaping () -> Void
  ) {
    self.perform = perform
    self.ended = ended
    timer = connection.loop.schedule(after: ControlSocket.commandDurationMax) { [weak connection] in
      connection?.close()
    }
  }

  func received(_ bytes: RawSpan, on connection: Connection) {
    if isAsked { return }
    for index in 0..<bytes.byteCount {
      let byte = unsafe bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
      if byte == UInt8(ascii: "\n") { return ask(connection) }
      guard line.count < ControlSocket.commandByteCountMax else { return connection.close() }
      line.append(byte)
    }
  }

  private func ask(_ connection: Connection) {
    isAsked = true
    timer?.cancel()
    let name = String(decoding: line, as: UTF8.self)
    let answer = ControlAnswer(connection)
    guard let command = ControlCommand(rawValue: name) else {
      let names = ControlCommand.allCases.map(\.rawValue).joined(separator: ", ")
      return answer.give([.error("there is no command '\(name)'; there are \(names)")])
    }
    perform(command, answer)
  }

  /// The caller waits for the answer, though it has said everything.
  func inputEnded(on connection: Connection) { if !isAsked { connection.close() } }

  func closed(_ connection: Connection, reason: CloseReason) {
    timer?.cancel()
    ended()
  }
}
