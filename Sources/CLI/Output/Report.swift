internal import LogsText

/// The result of a command: a table for people, or JSON objects for programs, one a line.
struct Report {
  /// One property of each row.
  struct Column<Row> {
    /// Its name for programs; nil if it is only for people.
    let key: String?
    /// Its name for people; nil if it is only for programs.
    let heading: String?
    let isNumber: Bool
    let fit: Table.Fit
    let datum: (Row) -> Datum

    init(
      _ key: String?, _ heading: String?, isNumber: Bool = false, fit: Table.Fit = .stays,
      _ datum: @escaping (Row) -> Datum
    ) {
      self.key = key
      self.heading = heading
      self.isNumber = isNumber
      self.fit = fit
      self.datum = datum
    }

    /// A column of whole numbers.
    static func count(
      _ key: String, _ heading: String, fit: Table.Fit = .stays, _ count: @escaping (Row) -> UInt64
    ) -> Column {
      Column(key, heading, isNumber: true, fit: fit) { .count(count($0)) }
    }
  }

  enum Format: String, CaseIterable {
    case table
    case json
  }

  private let table: Table
  private let records: [Datum]

  /// A row and an object for each of `rows`.
  init<Row>(_ rows: [Row], _ columns: [Column<Row>], zone: ShownZone) {
    self.init(table: Table(rows, columns, zone: zone), records: Self.records(rows, columns))
  }

  init(table: Table, records: [Datum]) {
    self.table = table
    self.records = records
  }

  static func records<Row>(_ rows: [Row], _ columns: [Column<Row>]) -> [Datum] {
    rows.map { row in
      .record(columns.compactMap { column in column.key.map { ($0, column.datum(row)) } })
    }
  }

  /// Writes it to stdout.
  func write(_ format: Format) throws {
    switch format {
    case .table: try Terminal.write(line: table.text(columnCount: Terminal.screen?()))
    case .json: _ = try Terminal.write(json)
    }
  }

  var json: [UInt8] {
    var json = JSONWriter()
    for record in records {
      json.datum(record)
      json.newline()
    }
    return json.bytes
  }
}

extension Option {
  /// For commands that print facts rather than entries.
  static let reportFormat = Option("output", ["o"], form: "FORMAT", help: "table (default) or json")
}

extension Arguments {
  /// The format asked for.
  func reportFormat() throws(CommandError) -> Report.Format {
    guard let text = value("output") else { return .table }
    guard let format = Report.Format(rawValue: text) else {
      throw .notOne(text, of: Report.Format.allCases.map(\.rawValue), for: written("output"))
    }
    return format
  }
}
