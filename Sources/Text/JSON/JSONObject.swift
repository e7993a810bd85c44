package import LogsWire

/// A JSON object that somebody sent.
package struct JSONObject {
  private let members: [LogAttribute]

  /// - Returns: nil if the bytes are no JSON object.
  package init?(_ bytes: RawSpan) {
    guard let line = JSONReader.object(bytes), line.omittedCount == 0 else { return nil }
    members = line.members
  }

  package subscript(key: String) -> AttributeValue? { members.first { $0.key == key }?.value }

  package var keys: [String] { members.map(\.key) }
}
