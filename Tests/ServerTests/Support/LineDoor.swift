import LogsStore
import LogsTransport
import LogsWire

@testable import LogsServer

/// A client that is not a `ServerConnection`: each line that it sends is stored as an entry, under a producer of the
/// server's.
final class LineDoor: SocketClient, ConnectionHandler {
  static let stream = "door"

  let id: UInt64
  private let connection: Connection
  private unowned let core: ShardCore
  private var lastRequest: UInt32 = 0
  private var line: [UInt8] = []

  init(id: UInt64, connection: Connection, core: ShardCore) {
    self.id = id
    self.connection = connection
    self.core = core
    connection.handler = self
  }

  static func turnAway(_ connection: Connection, _ refusal: Refusal) {
    connection.send(ByteString("\(refusal.code)\n"))
    connection.closeLingering(for: .seconds(2), discarding: 1024)
  }

  func received(_ bytes: RawSpan, on connection: Connection) {
    for index in 0..<bytes.byteCount {
      let byte = bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
      if byte == UInt8(ascii: "\n") { append() } else { line.append(byte) }
    }
  }

  private func append() {
    do {
      var builder = BatchBuilder(seed: 1)
      _ = try builder.append(LogEntry(message: ByteString(line)))
      var batch = builder.finish(compressor: Compressor()).bytes
      // One is damaged in transit.
      if String(decoding: line, as: UTF8.self) == "damage" { batch = batch[0..<batch.count - 1] }
      line = []
      lastRequest += 1
      let sender = Appender.Sender(client: id, request: lastRequest, name: "line")
      let refusal = core.appender.append(batch, to: try StreamName(Self.stream), from: sender)
      if let refusal { settle(lastRequest, .refused(refusal)) }
    } catch { connection.send(ByteString("\(error)\n")) }
  }

  func settle(_ request: UInt32, _ outcome: WriteOutcome) {
    switch outcome {
    case .stored(_, let first, _, _): connection.send(ByteString("\(request) stored as \(first)\n"))
    case .refused(let refusal): connection.send(ByteString("\(request) \(refusal.code)\n"))
    }
  }

  func takeTurn() -> Bool { false }
  func tick() {}
  func drain(_ goAway: GoAway) {
    connection.send(ByteString("\(goAway.text)\n"))
    connection.closeLingering(for: .seconds(3600))
  }
  func abandon() { connection.close() }
  func closed(_ connection: Connection, reason: CloseReason) { core.forget(self) }
}
