internal import LogsWire

/// As `logs follow -o json` writes attributes: bytes as text, infinities and NaN by name.
extension AttributeValue: Codable {
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .empty: try container.encodeNil()
    case .string(let text): try container.encode(text)
    case .boolean(let flag): try container.encode(flag)
    case .integer(let number): try container.encode(number)
    case .double(let number):
      if number.isFinite { try container.encode(number) } else { try container.encode("\(number)") }
    case .list(let values): try container.encode(values)
    case .map(let members): try LogAttributes.encode(members, to: encoder)
    case .bytes(let bytes): try container.encode(bytes.text)
    }
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    // The type is found by trying; the error of the last attempt is reported.
    if container.decodeNil() {
      self = .empty
    } else if let flag = try? container.decode(Bool.self) {
      self = .boolean(flag)
    } else if let number = try? container.decode(Int64.self) {
      self = .integer(number)
    } else if let number = try? container.decode(Double.self) {
      self = .double(number)
    } else if let text = try? container.decode(String.self) {
      self = .string(text)
    } else if let values = try? container.decode([AttributeValue].self) {
      self = .list(values)
    } else {
      self = .map(try LogAttributes(from: decoder).attributes)
    }
  }
}

/// An object with a member for each attribute. Decoders do not keep the order of members, so they are sorted by key.
extension LogAttributes: Codable {
  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  public func encode(to encoder: any Encoder) throws { try Self.encode(attributes, to: encoder) }

  static func encode(_ attributes: [LogAttribute], to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    for attribute in attributes { try container.encode(attribute.value, forKey: Key(stringValue: attribute.key)) }
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    self.init()
    for key in container.allKeys.sorted(by: { $0.stringValue < $1.stringValue }) {
      self[key.stringValue] = try container.decode(AttributeValue.self, forKey: key)
    }
  }
}
