internal import LogsDisk
package import LogsWire

/// What a stream's entries have in common, as the newest segment that knows it says.
package struct StreamDictionary: Sendable {
  package let dictionary: BatchDictionary
  /// From here on the stream has the entries of which the dictionary has parts.
  let first: UInt64

  package init(_ dictionary: BatchDictionary, first: UInt64) {
    self.dictionary = dictionary
    self.first = first
  }

  /// Whether nothing of it can be from an entry that is not kept any more.
  ///
  /// - Parameter stream: as it is now.
  package func mayBeGiven(of stream: StreamInfo) -> Bool {
    stream.first <= first && (first > stream.head || stream.removals.count(in: first...stream.head) == 0)
  }
}

extension Reader {
  /// How many segments are looked at, which takes a connection each.
  private static let dictionarySegmentCountMax = 8

  /// The dictionary of a stream in the newest of the last segments that has one.
  func dictionary(of id: Int64) throws(StoreError) -> StreamDictionary? {
    guard let stream = catalog[id] else { throw Self.unknownStream(id) }
    let lease = ConnectionLease(pool, timeMax: readTimeMax)
    defer { lease.end() }
    let segments = segments.current.segments.suffix(Self.dictionarySegmentCountMax)
    for segment in segments.reversed() where segment.state == .sealed {
      do throws(SQLiteError) {
        let found = try lease.read(segment) { connection throws(SQLiteError) -> StreamDictionary? in
          // A repaired one may not know where the stream began in it.
          guard try connection.isCompacted(), let dictionary = try connection.dictionaries?.dictionary(of: id) else {
            return nil
          }
          return StreamDictionary(dictionary, first: try connection.next(of: id) ?? 1)
        }
        if let found, found.mayBeGiven(of: stream) { return found }
      } catch {
        // Who reads the segment meets the error again, and reports it.
        continue
      }
    }
    return nil
  }
}
