package import LogsClient
package import LogsWire

/// What readers add in their turns: entries for any number of streams and the bookmarks that go with them. All of it is
/// stored, or none.
package struct Shipment: ~Copyable {
  /// What a reader may read in one turn.
  package static let turnByteCount = 64 << 10

  package private(set) var group: AppendGroup
  /// The bookmarks set so far, for the desk.
  package private(set) var bookmarks: [String: ByteString?] = [:]

  package init(_ group: consuming AppendGroup) { self.group = group }

  /// Adds an entry.
  package mutating func add(_ entry: LogEntry, to stream: StreamName) { group.add(entry, to: stream) }

  /// Seals a stream behind what was added to it.
  package mutating func complete(_ stream: StreamName, text: String = "") { group.complete(stream, text: text) }

  /// Says how far a source has been read once the entries added so far are stored; nil to forget it.
  package mutating func set(_ key: String, _ value: ByteString?) {
    group.set(SourceBookmark(key: key, value: value))
    bookmarks[key] = .some(value)
  }

  /// Says where a source begins that has not been read yet: it is kept even if a crash loses the entries of this
  /// shipment, so that the source is read again from there.
  package mutating func begin(_ key: String, _ value: ByteString) {
    group.begin(SourceBookmark(key: key, value: value))
    bookmarks[key] = .some(value)
  }

  package consuming func takeGroup() -> AppendGroup { group }
}
