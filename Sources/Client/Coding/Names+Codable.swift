internal import LogsWire

/// A text, whose rules are checked.
extension StreamName: Codable {
  public func encode(to encoder: any Encoder) throws { try text.encode(to: encoder) }

  public init(from decoder: any Decoder) throws {
    let text = try String(from: decoder)
    self = try decoder.checked { () throws(LogError) in
      text.utf8.first == UInt8(ascii: "$") ? try StreamName(server: text) : try StreamName(text)
    }
  }
}

/// A text, whose rules are checked.
extension StreamPattern: Codable {
  public func encode(to encoder: any Encoder) throws { try text.encode(to: encoder) }

  public init(from decoder: any Decoder) throws {
    let text = try String(from: decoder)
    self = try decoder.checked { () throws(LogError) in try StreamPattern(text) }
  }
}

/// The text form, in one line.
extension LogCursor: Codable {
  public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }

  public init(from decoder: any Decoder) throws {
    let text = try String(from: decoder)
    self = try decoder.checked { () throws(LogError) in try LogCursor(parsing: text) }
  }
}

/// 16 hexadecimal digits.
extension Incarnation: Codable {
  public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }

  public init(from decoder: any Decoder) throws {
    let text = try String(from: decoder)
    guard text.utf8.count == 16, let value = UInt64(text, radix: 16) else {
      throw decoder.corrupted("'\(text)' is no incarnation")
    }
    self.init(value)
  }
}

/// The OpenTelemetry severity number.
extension LogSeverity: Codable {
  public func encode(to encoder: any Encoder) throws { try number.encode(to: encoder) }

  public init(from decoder: any Decoder) throws {
    let number = try UInt8(from: decoder)
    guard let severity = LogSeverity(number: number) else { throw decoder.corrupted("\(number) is no severity") }
    self = severity
  }
}

extension Decoder {
  fileprivate func checked<Value>(_ make: () throws(LogError) -> Value) throws -> Value {
    do throws(LogError) { return try make() } catch { throw corrupted(error.message, error) }
  }

  fileprivate func corrupted(_ text: String, _ error: (any Error)? = nil) -> DecodingError {
    .dataCorrupted(.init(codingPath: codingPath, debugDescription: text, underlyingError: error))
  }
}
