import LogsText
import LogsWire
import Testing

/// A line as a logger in use writes it, and the entry that it is.
struct LoggerLine: Sendable, CustomTestStringConvertible {
  let logger: String
  let line: String
  var format = LineFormat.json
  /// RFC 3339; empty for none.
  let time: String
  let severity: UInt8
  var source = ""
  /// nil for the line itself.
  let message: String?
  /// Names of attributes that must be there, and what is written for their values.
  var attributes: [String: AttributeValue] = [:]

  var testDescription: String { logger }

  static let all = json + textual + lines
}
