internal import LogsText
internal import LogsWire

/// Columns of text under headings.
struct Table {
  private let headings: [String]
  /// Columns of numbers are aligned to the right.
  private let isNumber: [Bool]
  private var rows: [[String]] = []

  init(_ columns: [(heading: String, isNumber: Bool)]) {
    headings = columns.map(\.heading)
    isNumber = columns.map(\.isNumber)
  }

  /// A row stays one line, whatever its cells contain.
  mutating func append(_ row: [String]) { rows.append(row.map(PrintableText.escaped)) }

  var text: String {
    let widths = headings.indices.map { column in
      ([headings] + rows).map { DisplayWidth.of($0[column]) }.max() ?? 0
    }
    return ([headings] + rows).map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - DisplayWidth.of(cell))
        if column > 0 { line += "  " }
        line += isNumber[column] ? padding + cell : column == row.count - 1 ? cell : cell + padding
      }
      return line
    }.joined(separator: "\n")
  }
}

extension Table {
  /// A row for each of `rows`, with the columns that are for people.
  init<Row>(_ rows: [Row], _ columns: [Report.Column<Row>], zone: ShownZone) {
    let shown = columns.filter { $0.heading != nil }
    self.init(shown.map { ($0.heading ?? "", $0.isNumber) })
    for row in rows { append(shown.map { $0.datum(row).cell(zone: zone) }) }
  }
}
