internal import LogsStore
internal import LogsTransport
internal import LogsWire

/// One call of the control socket: a command, its answer, and the end.
final class ControlCall: ConnectionHandler {
  private let connection: Connection
  private let log: (LogLine) -> Void
  private let perform: (ControlCommand, ControlAnswer) -> Void
  private var ended: ((ControlCall) -> Void)?
  private var line: [UInt8] = []
  /// Whether it has said what it wants.
  private(set) var isAsked = false
  /// Whether something came behind the command.
  private var hasMore = false
  private var timer: LoopTimer?

  /// - Parameters:
  ///   - log: takes a line if the call is refused.
  ///   - perform: carries out a command.
  ///   - ended: the call no longer counts.
  init(
    _ connection: Connection, log: @escaping (LogLine) -> Void,
    perform: @escaping (ControlCommand, ControlAnswer) -> Void, ended: @escaping (ControlCall) -> Void
  ) {
    self.connection = connection
    self.log = log
    self.perform = perform
    self.ended = ended
    timer = connection.loop.schedule(after: ControlSocket.commandDurationMax) { [weak self] in
      self?.refuse("no command came within \(ControlSocket.commandDurationMax.components.seconds) s")
    }
  }

  var isOpen: Bool { connection.isOpen }

  func received(_ bytes: RawSpan, on connection: Connection) {
    if isAsked {
      hasMore = true
      return
    }
    for index in 0..<bytes.byteCount {
      let byte = unsafe bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
      if byte == UInt8(ascii: "\n") {
        hasMore = index + 1 < bytes.byteCount
        return ask()
      }
      guard line.count < ControlSocket.commandByteCountMax else {
        return refuse("the command is longer than \(ControlSocket.commandByteCountMax) bytes")
      }
      line.append(byte)
    }
  }

  private func ask() {
    isAsked = true
    timer?.cancel()
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    let name = String(decoding: line, as: UTF8.self)
    guard let command = ControlCommand(rawValue: name) else {
      let names = ControlCommand.allCases.map(\.rawValue).joined(separator: ", ")
      return refuse("there is no command '\(name)'; there are \(names)")
    }
    perform(command, ControlAnswer(self))
  }

  /// Ends the call without doing anything.
  func refuse(_ reason: String) {
    let user = connection.peerProcess.map { " of user \($0.user)" } ?? ""
    log(.retry("a call of the control socket\(user) is refused: \(reason)"))
    end([.error(reason)])
  }

  /// Ends the call with an answer. The command has failed if a line is an error.
  func end(_ lines: [LogLine]) {
    guard let ended else { return }
    self.ended = nil
    timer?.cancel()
    let more = hasMore ? [LogLine.error("only the first line was done: each command needs a call of its own")] : []
    let lines = lines + more
    let isDone = !lines.contains { $0.level == .error }
    let last = isDone ? ControlCommand.success : ControlCommand.failure
    let words = lines.map { "\($0.level.rawValue) \(PrintableText.escaped($0.text))" } + [last]
    connection.send(ByteString(words.map { "\($0)\n" }.joined()))
    connection.closeLingering()
    ended(self)
  }

  /// A caller that has said everything waits for the answer.
  func inputEnded(on connection: Connection) {
    if isAsked { return }
    if line.isEmpty { connection.close() } else { refuse("the command does not end with a newline") }
  }

  func closed(_ connection: Connection, reason: CloseReason) {
    timer?.cancel()
    ended?(self)
    ended = nil
  }
}
