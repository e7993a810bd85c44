import LogsText
import LogsWire
import Testing

/// A line as a real logger writes it, and the entry that it becomes.
struct LoggerLine: Sendable, CustomTestStringConvertible {
  let logger: String
  let line: String
  var format = LineFormat.json
  /// RFC 3339; empty if there is none.
  let time: String
  let severity: UInt8
  var source = ""
  /// Nil for the line itself.
  let message: String?
  /// Names of attributes that must be present, and the text of their values.
  var attributes: [String: AttributeValue] = [:]

  var testDescription: String { logger }

  static let all = json + textual + lines + text
}
