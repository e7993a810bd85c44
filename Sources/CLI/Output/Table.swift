internal import LogsText
internal import LogsWire

/// Columns of text under headings.
struct Table {
  /// What becomes of a column on a screen that is too narrow for all of them.
  enum Fit: Hashable {
    case stays
    /// It is left out; those with the lowest number go first.
    case leaves(Int)
    /// When enough has been left out, its cells lose their middles.
    case shortens
  }

  struct Column {
    let heading: String
    /// Numbers are aligned to the right.
    let isNumber: Bool
    var fit = Fit.stays
  }

  private let columns: [Column]
  private var rows: [[String]] = []

  /// Shortened cells keep at least this many columns of the screen.
  private static let shortWidthMin = 12
  private static let gap = 2

  init(_ columns: [Column]) { self.columns = columns }

  /// A row stays one line, whatever its cells contain.
  mutating func append(_ row: [String]) { rows.append(row.map(PrintableText.escaped)) }

  /// - Parameter columnCount: of the screen; nil for no limit.
  func text(columnCount: Int?) -> String {
    let lines = [columns.map(\.heading)] + rows
    var widths = columns.indices.map { column in lines.map { DisplayWidth.of($0[column]) }.max() ?? 0 }
    let shown = fit(&widths, to: columnCount ?? .max)
    return lines.map { row in
      var line = ""
      for column in shown {
        let cell = Self.shortened(row[column], to: widths[column])
        let padding = String(repeating: " ", count: widths[column] - DisplayWidth.of(cell))
        if column != shown.first { line += String(repeating: " ", count: Self.gap) }
        line += columns[column].isNumber ? padding + cell : column == shown.last ? cell : cell + padding
      }
      return line
    }.joined(separator: "\n")
  }

  /// Leaves out columns and makes others narrower until the table fits.
  ///
  /// - Returns: the columns that are left.
  private func fit(_ widths: inout [Int], to columnCount: Int) -> [Int] {
    var shown = Array(columns.indices)
    func excess() -> Int { shown.reduce(0) { $0 + widths[$1] + Self.gap } - Self.gap - columnCount }
    while excess() > 0 {
      let leaving = shown.compactMap { column -> (order: Int, column: Int)? in
        if case .leaves(let order) = columns[column].fit { (order, column) } else { nil }
      }
      guard let next = leaving.min(by: { $0.order < $1.order }) else { break }
      shown.removeAll { $0 == next.column }
    }
    for column in shown where columns[column].fit == .shortens && excess() > 0 {
      widths[column] = min(widths[column], max(Self.shortWidthMin, widths[column] - excess()))
    }
    return shown
  }

  /// The beginning and the end of a cell: streams often begin alike.
  private static func shortened(_ cell: String, to width: Int) -> String {
    guard DisplayWidth.of(cell) > width else { return cell }
    var (head, tail) = (Substring(), Substring())
    var rest = cell[...]
    while let last = rest.popLast(), DisplayWidth.of("\(last)\(tail)") <= (width - 1) / 2 { tail = "\(last)\(tail)" }
    rest = cell[...]
    while let first = rest.popFirst(), DisplayWidth.of("\(head)\(first)…\(tail)") <= width { head.append(first) }
    return "\(head)…\(tail)"
  }
}

extension Table {
  /// A row for each of `rows`, with the columns that are for people.
  init<Row>(_ rows: [Row], _ columns: [Report.Column<Row>], zone: ShownZone) {
    let shown = columns.filter { $0.heading != nil }
    self.init(shown.map { Column(heading: $0.heading ?? "", isNumber: $0.isNumber, fit: $0.fit) })
    for row in rows { append(shown.map { $0.datum(row).cell(zone: zone) }) }
  }
}
