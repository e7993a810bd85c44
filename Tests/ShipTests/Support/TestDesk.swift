import LogsTransport
import LogsWire

@testable import LogsClient
@testable import LogsShip

/// A desk whose turns a test gives itself. Used on its loop.
final class TestDesk: ShipDesk {
  let loop: EventLoop
  private(set) var waiting: [any SourceReader] = []
  private(set) var logged: [String] = []
  private(set) var shipped: [(stream: StreamName, entry: LogEntry)] = []
  private(set) var completed: [StreamName] = []
  var bookmarks: [String: ByteString] = [:]

  let pace = Duration.zero

  init(_ loop: EventLoop) { self.loop = loop }

  private var readers: [any SourceReader] = []

  func turn(_ reader: any SourceReader) {
    if !readers.contains(where: { $0 === reader }) { readers.append(reader) }
    if !waiting.contains(where: { $0 === reader }) { waiting.append(reader) }
  }

  func forgetAll() {
    waiting = []
    readers = []
  }

  func finishAll() throws {
    for reader in readers { try finish(reader) }
    forgetAll()
  }

  func forget(_ reader: any SourceReader) {
    waiting.removeAll { $0 === reader }
    readers.removeAll { $0 === reader }
  }

  func note(_ key: String, _ value: ByteString) { bookmarks[key] = bookmarks[key] ?? value }
  func bookmark(_ key: String) -> ByteString? { bookmarks[key] }
  func bookmarkKeys(_ prefix: String) -> [String] { bookmarks.keys.filter { $0.hasPrefix(prefix) }.sorted() }
  func log(_ severity: LogSeverity, _ text: String) { logged.append(text) }

  /// Gives turns until nobody wants one, and takes what was shipped.
  func giveTurns() throws {
    while !waiting.isEmpty {
      let reader = waiting.removeFirst()
      try ship { if reader.read(into: &$0) { turn(reader) } }
    }
  }

  func finish(_ reader: any SourceReader) throws { try ship { reader.finish(into: &$0) } }

  private func ship(_ fill: (inout Shipment) -> Void) throws {
    var shipment = Shipment(AppendGroup(LogProducerConfiguration(), stream: StreamName("unused")))
    fill(&shipment)
    for (key, value) in shipment.bookmarks { bookmarks[key] = value }
    let compressor = Compressor()
    var decoder = BatchDecoder()
    for draft in shipment.takeGroup().sealed() {
      switch draft.encode(with: compressor).content {
      case .batch(let bytes, _):
        for entry in try decoder.entries(of: Batch(wholeOf: bytes)) { shipped.append((draft.stream, entry)) }
      case .completion: completed.append(draft.stream)
      }
    }
  }
}
