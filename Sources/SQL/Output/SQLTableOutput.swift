internal import LogsText
internal import LogsWire

/// Columns under headings, for people. Columns of numbers are aligned to the right.
struct SQLTableOutput: SQLOutput {
  private var headings: [String] = []
  private var rows: [[String]] = []
  /// Whether all values of a column so far are numbers.
  private var areNumbers: [Bool] = []
  private var byteCount = 0
  private let byteCountMax: Int

  init(byteCountMax: Int) { self.byteCountMax = byteCountMax }

  mutating func begin(_ columns: [String], to output: inout [UInt8]) {
    headings = columns.map(PrintableText.escaped)
    areNumbers = columns.map { _ in true }
  }

  mutating func append(_ row: [SQLValue], to output: inout [UInt8]) throws(SQLFailure) {
    for (column, value) in row.enumerated() where value != .null && !value.isNumber { areNumbers[column] = false }
    // A row stays one line, whatever its cells contain.
    let cells = row.map { PrintableText.escaped($0.text.text) }
    byteCount += cells.reduce(0) { $0 + $1.utf8.count + MemoryLayout<String>.stride }
    guard byteCount <= byteCountMax else {
      throw SQLFailure(.limit, "the table takes more memory than it may; -o csv and -o json need none")
    }
    rows.append(cells)
  }

  func end(to output: inout [UInt8]) {
    let lines = [headings] + rows
    let widths = headings.indices.map { column in lines.map { DisplayWidth.of($0[column]) }.max() ?? 0 }
    for line in lines {
      var text = ""
      for (column, cell) in line.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - DisplayWidth.of(cell))
        let isLast = column == line.count - 1
        text += column == 0 ? "" : "  "
        text += areNumbers[column] && !rows.isEmpty ? padding + cell : isLast ? cell : cell + padding
      }
      output += text.utf8
      output.append(UInt8(ascii: "\n"))
    }
  }
}
