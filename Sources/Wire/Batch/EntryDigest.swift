/// What tells an entry from others: its number, and a hash of all that is stored of it.
package struct EntryDigest: Hashable, Sendable {
  package let sequence: UInt64
  package let hash: UInt64
}

extension BatchRows {
  /// The digests of all entries, which do not depend on the batch that they are in.
  package func digests() throws(WireDecodingError) -> [EntryDigest] {
    var digests: [EntryDigest] = []
    digests.reserveCapacity(count)
    var bytes = ByteWriter(capacity: 256)
    for row in 0..<count {
      bytes.removeAll()
      bytes.append(i64: try ownTime(at: row))
      bytes.append(i64: try received(at: row))
      bytes.append(try storedSeverity(at: row))
      bytes.append(try rawKind(at: row))
      let attributes = try attributeRows(at: row) ?? (ByteString(), ByteString())
      for text in [try source(at: row), try message(at: row), attributes.keys, attributes.values] {
        bytes.append(varint: UInt64(text.count))
        bytes.append(text)
      }
      digests.append(EntryDigest(sequence: try sequence(at: row), hash: XXH3.hash(bytes.span)))
    }
    return digests
  }
}
