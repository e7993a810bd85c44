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
  /// Below this the newest segment that could be read has had all streams that were not deleted.
  private let firstUnknown: Int64
  private let deleted: Set<Int64>

  /// - Parameters:
  ///   - content: what the newest segment that can be read says.
  ///   - isWhole: whether that is the newest: a stream that it does not have was deleted.
  init(_ content: StoreContent, isWhole: Bool, _ survey: DirectorySurvey) {
    deleted = content.deleted
    firstUnknown = isWhole ? content.nextStreamID : (content.streams.keys.max() ?? 0) + 1
    for (id, info) in content.streams {
      streams[id] = Stream(info: info, incarnations: [info.incarnation], names: [info.name])
    }
    for number in Set(survey.numbers + [survey.newest]).sorted(by: >) where number > 0 {
      do throws(SQLiteError) {
        try add(try survey.open(number).database)
        // Otherwise what it says of streams is looked for in its pages.
        if try Self.isWhole(try survey.open(number).database) { continue }
      } catch {
        // It is looked for then, too.
      }
      PageScan.forEach(ofSegment: survey.paths.segment(number), survey.files) { scan in
        scan.forEachStream { stream, state in if state != .deleted { note(stream) } }
      }
    }
    for id in streams.keys.sorted() where streams[id]?.names.count ?? 0 > 1 { resolve(id, survey) }
  }

  private mutating func add(_ database: borrowing Database) throws(SQLiteError) {
    for stream in Self.streams(in: database) { note(stream) }
    let former = try database.prepare("SELECT stream, incarnation FROM former_incarnations")
    while try former.step() {
      let incarnation = Incarnation(former.bits(1))
      if streams[former.integer(0)]?.incarnations.contains(incarnation) == false {
        streams[former.integer(0)]?.incarnations.append(incarnation)
      }
    }
  }

  /// Whether what a segment says of streams can be read, all of it.
  static func isWhole(_ database: borrowing Database) throws(SQLiteError) -> Bool {
    try database.text("PRAGMA integrity_check(streams)") == "ok"
  }

  /// Takes what a segment says of a stream.
  private mutating func note(_ stream: StreamInfo) {
    guard var known = streams[stream.id] else { return add(stream) }
    if !known.incarnations.contains(stream.incarnation) { known.incarnations.append(stream.incarnation) }
    if !known.names.contains(stream.name) { known.names.append(stream.name) }
    // It stays so.
    if stream.isSealed, stream.name == known.info.name { known.info.isSealed = true }
    streams[stream.id] = known
  }

  /// Takes the name under which its batches pass their check.
  private mutating func resolve(_ id: Int64, _ survey: DirectorySurvey) {
    guard let stream = streams[id] else { return }
    for number in survey.numbers.reversed() {
      do throws(SQLiteError) {
        let segment = try survey.open(number)
        let packing = try RowPacking(of: segment.database)
        let rows = try segment.database.prepare(
          "SELECT \(packing.unpackedLength), batches FROM runs WHERE stream = ?1 LIMIT 10")
        rows.bind(1, id)
        let unpacker = try RowUnpacker(of: segment.database)
        while try rows.step() {
          let bytes = try unpacker.batches(rows, 0)
          for name in stream.names where !WholeBatches(name, stream.incarnations).find(in: bytes).batches.isEmpty {
            streams[id]?.info.name = name
            return
          }
        }
      } catch { continue }
    }
  }

  /// The streams that a segment names, as far as they can be read. What else is wrong in their rows does not matter:
  /// names and incarnations prove themselves by batches.
  private static func streams(in database: borrowing Database) -> [StreamInfo] {
    var found: [StreamInfo] = []
    do throws(SQLiteError) {
      let rows = try database.prepare("SELECT id, name, incarnation, state FROM streams ORDER BY id")
      while try rows.step() {
        let state = SegmentSchema.StreamState(rawValue: rows.integer(3))
        guard rows.integer(0) > 0, state != .deleted else { continue }
        found.append(
          StreamInfo(
            id: rows.integer(0), name: StreamName(stored: rows.text(1)), incarnation: Incarnation(rows.bits(2)),
            isSealed: state == .sealed))
      }
    } catch {
      // Those before the damage count.
      return found
    }
    return found
  }

  /// Adds one that is younger than what the newest segment knows. An older one was deleted.
  mutating func add(_ info: StreamInfo) {
    guard streams[info.id] == nil, info.id >= firstUnknown, !deleted.contains(info.id) else { return }
    streams[info.id] = Stream(info: info, incarnations: [info.incarnation], names: [info.name])
  }

  /// Notes what is not kept of streams.
  mutating func note(_ removals: [Int64: Removals]) {
    for (id, removals) in removals { streams[id]?.info.removals = removals }
  }

  subscript(id: Int64) -> Stream? { streams[id] }

  /// Whether a stream that is not known may be one whose row is lost, and not one that was deleted.
  func mayBeLost(_ id: Int64) -> Bool { streams[id] == nil && id >= firstUnknown && !deleted.contains(id) }
}
