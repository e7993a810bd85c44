internal import LogsDisk
internal import LogsWire

/// The streams of a store that has damage, put together from all of its segments.
struct KnownStreams {
  struct Stream {
    /// As in the newest segment that has it.
    var info: StreamInfo
    /// All that its batches may have been signed under.
    var incarnations: [Incarnation]
    /// Names that segments give it: more than one where a segment is damaged.
    fileprivate var names: [StreamName]
  }

  private(set) var streams: [Int64: Stream] = [:]

  /// - Parameters:
  ///   - content: what the newest segment that can be read says.
  ///   - isWhole: whether that is the newest: a stream that it does not have was deleted.
  init(_ content: StoreContent, isWhole: Bool, _ survey: DirectorySurvey) {
    for (id, info) in content.streams {
      streams[id] = Stream(info: info, incarnations: [info.incarnation], names: [info.name])
    }
    for number in survey.numbers.reversed() {
      do throws(SQLiteError) {
        try add(try survey.open(number).database, content, isWhole: isWhole)
      } catch {
        // What it would say of streams is lost with it.
        continue
      }
    }
    for id in streams.keys.sorted() where streams[id]?.names.count ?? 0 > 1 { resolve(id, survey) }
  }

  private mutating func add(
    _ database: borrowing Database, _ content: StoreContent, isWhole: Bool
  ) throws(SQLiteError) {
    var found: [StreamInfo] = []
    try SegmentWriter.forEachStream(in: database) { stream, isDeleted in if !isDeleted { found.append(stream) } }
    for stream in found {
      if var known = streams[stream.id] {
        if !known.incarnations.contains(stream.incarnation) { known.incarnations.append(stream.incarnation) }
        if !known.names.contains(stream.name) { known.names.append(stream.name) }
        streams[stream.id] = known
      } else if !isWhole, !content.deleted.contains(stream.id) {
        streams[stream.id] = Stream(info: stream, incarnations: [stream.incarnation], names: [stream.name])
      }
    }
    let former = try database.prepare("SELECT stream, incarnation FROM former_incarnations")
    while try former.step() {
      let incarnation = Incarnation(former.bits(1))
      if streams[former.integer(0)]?.incarnations.contains(incarnation) == false {
        streams[former.integer(0)]?.incarnations.append(incarnation)
      }
    }
  }

  /// Takes the name under which its batches pass their check.
  private mutating func resolve(_ id: Int64, _ survey: DirectorySurvey) {
    guard let stream = streams[id] else { return }
    for number in survey.numbers.reversed() {
      do throws(SQLiteError) {
        let rows = try survey.open(number).database.prepare("SELECT batches FROM runs WHERE stream = ?1 LIMIT 10")
        rows.bind(1, id)
        while try rows.step() {
          let bytes = rows.bytes(0)
          for name in stream.names where !WholeBatches(name, stream.incarnations).find(in: bytes).batches.isEmpty {
            streams[id]?.info.name = name
            return
          }
        }
      } catch { continue }
    }
  }

  /// One that only the journal knows.
  mutating func add(_ info: StreamInfo) {
    guard streams[info.id] == nil else { return }
    streams[info.id] = Stream(info: info, incarnations: [info.incarnation], names: [info.name])
  }

  subscript(id: Int64) -> Stream? { streams[id] }
}
