internal import LogsClient

extension Corpus {
  /// Lines of the generator.
  static func generated(lineCount: Int) -> Corpus {
    var corpus = Corpus()
    var generator = LineGenerator()
    // Lines that are used one after the other share memory, like those read from a file.
    for start in stride(from: 0, to: lineCount, by: blockLineCount) {
      let lines = (start..<min(start + blockLineCount, lineCount)).map { _ in generator.next() }
      let block = ByteString(lines.map(\.text).joined())
      var offset = 0
      for line in lines {
        let end = offset + line.text.utf8.count
        corpus.append(
          block[offset..<end], time: time(ofLine: corpus.lines.count), severity: line.severity, source: line.source)
        offset = end
      }
    }
    return corpus
  }

  private static let blockLineCount = 1_000
}
