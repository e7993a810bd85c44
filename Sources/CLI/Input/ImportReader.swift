internal import LogsClient
internal import LogsText
internal import LogsWire
internal import Synchronization

/// Makes entries of the lines of an export.
final class ImportReader: Sendable {
  /// A message of 1 MiB has up to six times as many bytes in JSON.
  static let lineByteCountMax = 8 << 20

  /// An entry, and where it goes.
  struct Item: Sendable {
    let stream: StreamName
    let entry: LogEntry
  }

  private struct State {
    var streams: Set<StreamName> = []
    var renamed: Set<StreamName> = []
    var sealCount: UInt64 = 0
    var earlierCount: UInt64 = 0
  }

  private let renames: [StreamName: StreamName]
  private let keepsUntimed: Bool
  private let state = Mutex(State())

  init(renames: [StreamName: StreamName], keepsUntimed: Bool) {
    self.renames = renames
    self.keepsUntimed = keepsUntimed
  }

  /// Streams that entries have gone to.
  var streamCount: Int { state.withLock { $0.streams.count } }
  var sealCount: UInt64 { state.withLock { $0.sealCount } }
  /// Lines that an earlier import had read.
  var earlierCount: UInt64 { state.withLock { $0.earlierCount } }
  var unusedRenames: [StreamName] { state.withLock { Set(renames.keys).subtracting($0.renamed).sorted() } }

  func noteEarlier(_ count: UInt64) { state.withLock { $0.earlierCount = count } }

  /// - Returns: nil for a line without text.
  /// - Throws: `CommandError` for what is no line of an export.
  func item(_ line: LineCutter.Line, number: UInt64) throws(CommandError) -> Item? {
    guard line.bytes.count == line.byteCount else {
      throw CommandError("line \(number) has \(line.byteCount) bytes, more than an entry can have")
    }
    if (0..<line.bytes.count).allSatisfy({ [0x20, 0x09, 0x0d].contains(line.bytes[$0]) }) { return nil }
    let exported: ExportedEntry
    do throws(ExportMistake) { exported = try ExportedEntry(line.bytes.span) } catch {
      throw CommandError("line \(number) is no entry of logs export: \(error)")
    }
    let stream = renames[exported.stream] ?? exported.stream
    guard stream.text.utf8.first != UInt8(ascii: "$") else {
      throw CommandError(
        "line \(number) is of '\(stream)', which only the server appends to; --rename '\(stream)=NAME' gives it another"
      )
    }
    var entry = exported.entry
    if entry.time == 0, !keepsUntimed { entry.time = entry.received }
    state.withLock { state in
      state.streams.insert(stream)
      if stream != exported.stream || renames[stream] != nil { state.renamed.insert(exported.stream) }
      if entry.kind == .complete { state.sealCount += 1 }
    }
    return Item(stream: stream, entry: entry)
  }
}
