internal import LogsClient

/// Entries to measure with: lines of a file or of the generator, cut before anything is measured.
///
/// Making a `LogEntry` from a line and encoding it are part of the measurement: a service does both.
struct Corpus: Sendable {
  struct Line: Sendable {
    let message: ByteString
    /// Nanoseconds since 1970.
    let time: Int64
    let severity: LogSeverity
    /// Its place in `sources`.
    let source: Int
  }

  private(set) var lines: [Line] = []
  private(set) var sources: [String] = []
  private var sourceIndices: [String: Int] = [:]

  mutating func append(_ message: ByteString, time: Int64, severity: LogSeverity, source: String) {
    let index: Int
    if let known = sourceIndices[source] {
      index = known
    } else {
      index = sources.count
      sources.append(source)
      sourceIndices[source] = index
    }
    lines.append(Line(message: message, time: time, severity: severity, source: index))
  }
}

/// Takes entries from a corpus, starting over at its end.
struct CorpusReader {
  private let lines: [Corpus.Line]
  /// Copies of its own: several readers would compete for the same reference counts, which several services do not.
  private let sources: [ByteString]
  private var index: Int

  /// - Parameter share: where to begin, from 0 to 1: several readers are spread so that they send different lines.
  init(_ corpus: Corpus, share: Double = 0) {
    lines = corpus.lines
    sources = corpus.sources.map { ByteString($0) }
    index = min(Int(Double(corpus.lines.count) * share), corpus.lines.count - 1)
  }

  /// - Parameter byteCount: increased by the bytes of the lines: each message and a newline.
  mutating func next(_ count: Int, byteCount: inout UInt64) -> [LogEntry] {
    var entries: [LogEntry] = []
    entries.reserveCapacity(count)
    for _ in 0..<count {
      // Field by field: a copy of the whole line would cost one more retain and release.
      byteCount += UInt64(lines[index].message.count) + 1
      entries.append(
        LogEntry(
          message: lines[index].message, time: lines[index].time, severity: lines[index].severity,
          source: sources[lines[index].source]))
      index = index + 1 == lines.count ? 0 : index + 1
    }
    return entries
  }
}
