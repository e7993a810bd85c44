internal import LogsWire

/// Writes the rows of a result.
package protocol SQLOutput {
  /// What can be written already is appended to `output`.
  mutating func begin(_ columns: [String], to output: inout [UInt8])
  mutating func append(_ row: [SQLValue], to output: inout [UInt8]) throws(SQLFailure)
  mutating func end(to output: inout [UInt8])
}

/// The forms of output, by what they are called.
package enum SQLOutputFormat: String, CaseIterable, Sendable {
  case table, json, csv

  /// - Parameters:
  ///   - byteCountMax: of a table, which is laid out when all its rows are known.
  ///   - isTerminal: whether control characters are shown as escapes.
  package func writer(byteCountMax: Int, isTerminal: Bool) -> any SQLOutput {
    switch self {
    case .table: SQLTableOutput(byteCountMax: byteCountMax)
    case .json: SQLJSONOutput()
    case .csv: SQLCSVOutput(isTerminal: isTerminal)
    }
  }
}

extension SQLValue {
  /// As tables and CSV have it: nothing for NULL, hexadecimal digits for bytes.
  var text: ByteString {
    switch self {
    case .null: ByteString()
    case .integer(let integer): ByteString(String(integer))
    case .real(let real): ByteString("\(real)")
    case .text(let text): text
    case .blob(let bytes): ByteString(bytes.hexadecimalDigits)
    }
  }

  var isNumber: Bool {
    switch self {
    case .integer, .real: true
    case .null, .text, .blob: false
    }
  }
}

extension ByteString {
  fileprivate var hexadecimalDigits: String {
    array.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
