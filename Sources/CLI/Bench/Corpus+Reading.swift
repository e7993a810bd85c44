internal import LogsClient
internal import LogsText
internal import LogsWire

extension Corpus {
  /// How many lines of a file are kept; of a longer one, the first ones are used.
  private static let lineCountMax = 2_000_000

  /// The lines of a file: what `logs bench corpus` writes if its first line is of that form, raw lines otherwise.
  static func reading(_ path: String) async throws -> Corpus {
    let reader = LineReader(paths: [path], LineCutter.Configuration())
    try await reader.check()
    var corpus = Corpus()
    var isTable: Bool?
    while corpus.lines.count < lineCountMax, let chunk = try await reader.next() {
      for line in chunk.lines {
        let isRow = isTable ?? (row(line.bytes) != nil)
        isTable = isRow
        if !isRow {
          corpus.append(line.bytes, time: time(ofLine: corpus.lines.count), severity: .unspecified, source: "")
        } else if let row = row(line.bytes) {
          corpus.append(row.message, time: row.time, severity: row.severity, source: row.source)
        } else {
          throw CommandError(
            """
            line \(corpus.lines.count + 1) of \(path) is not 'time in ns, level, source, message' with tabs between \
            them, as the first one is
            """
          )
        }
      }
    }
    if corpus.lines.isEmpty { throw CommandError("there are no lines in \(path) to measure with") }
    return corpus
  }

  /// The time of a line that has none: from the beginning of 2026 on, a few milliseconds apart.
  static func time(ofLine index: Int) -> Int64 { 1_767_225_600_000_000_000 + Int64(index) * 3_141_593 }

  private static func row(_ line: ByteString) -> (
    time: Int64, severity: LogSeverity, source: String, message: ByteString
  )? {
    var starts = [0]
    for index in 0..<line.count where line[index] == UInt8(ascii: "\t") {
      starts.append(index + 1)
      if starts.count == 4 { break }
    }
    guard starts.count == 4, let time = Int64(line[starts[0]..<starts[1] - 1].text),
      let severity = LogSeverity(name: line[starts[1]..<starts[2] - 1].text)
    else { return nil }
    return (time, severity, line[starts[2]..<starts[3] - 1].text, line[starts[3]..<line.count])
  }
}
