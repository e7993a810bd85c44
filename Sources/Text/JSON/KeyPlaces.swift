internal import LogsWire

/// Finds names that come twice in an object: by comparing if there are few names, by hashing if there are many.
///
/// Names are compared byte by byte: in Swift, two forms of one accented letter are equal strings, and one member would
/// be lost.
struct KeyPlaces {
  private var places: [ByteKey: Int] = [:]
  private static let fewMax = 16

  /// The index of the member with a name.
  mutating func place(of key: String, in members: [LogAttribute]) -> Int? {
    if members.count < Self.fewMax { return members.firstIndex { ByteKey($0.key) == ByteKey(key) } }
    if places.isEmpty {
      for (index, member) in members.enumerated() { places[ByteKey(member.key)] = index }
    }
    return places[ByteKey(key)]
  }

  /// Adds a member. If its name comes twice, the last value counts, in the place of the first.
  ///
  /// - Returns: its index.
  @discardableResult
  mutating func insert(_ member: LogAttribute, into members: inout [LogAttribute]) -> Int {
    if let place = place(of: member.key, in: members) {
      members[place].value = member.value
      return place
    }
    if !places.isEmpty { places[ByteKey(member.key)] = members.count }
    members.append(member)
    return members.count - 1
  }
}

private struct ByteKey: Hashable {
  private let text: String
  init(_ text: String) { self.text = text }

  static func == (left: ByteKey, right: ByteKey) -> Bool {
    left.text.utf8.count == right.text.utf8.count && left.text.utf8.elementsEqual(right.text.utf8)
  }

  func hash(into hasher: inout Hasher) { for byte in text.utf8 { hasher.combine(byte) } }
}
