internal import LogsText
internal import LogsWire

/// An object a line, with the names of the columns as keys.
struct SQLJSONOutput: SQLOutput {
  private var columns: [String] = []
  private var json = JSONWriter()

  mutating func begin(_ columns: [String], to output: inout [UInt8]) { self.columns = columns }

  mutating func append(_ row: [SQLValue], to output: inout [UInt8]) {
    json.removeAll()
    let columns = columns
    json.object { json in
      for (column, value) in zip(columns, row) {
        json.key(column)
        switch value {
        case .null: json.null()
        case .integer(let integer): json.number(integer)
        case .real(let real): json.number(real)
        case .text(let text): json.string(text)
        case .blob: json.string(value.text)
        }
      }
    }
    json.newline()
    output += json.bytes
  }

  func end(to output: inout [UInt8]) {}
}
