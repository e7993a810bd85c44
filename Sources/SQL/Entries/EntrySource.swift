internal import LogsStore
internal import LogsSystem
internal import LogsWire

/// What the tables of one connection read from, and how long they may.
final class EntrySource {
  let store: StoreReader
  let unpacker = BatchUnpacker()
  let entryCount: UInt64
  /// What is said beside the rows: ranges that are lost.
  private(set) var notes: [String] = []
  private var lostCount = 0
  /// When the query has to be at its end, by `SystemClock.monotonic`.
  var deadline = Int64.max
  /// What times in filters are relative to.
  var now: Int64

  /// Where each stream is among all, by its id.
  private let places: [Int64: Int]

  /// The bits of a row's id that an entry's number has. The others have the place of its stream.
  static let numberBitCount = 43
  private static let placeCountMax = 1 << 20

  /// More notes than this are only counted.
  private static let noteCountMax = 10

  init(_ store: StoreReader, now: Int64) {
    self.store = store
    self.now = now
    places = Dictionary(uniqueKeysWithValues: store.streams.enumerated().map { ($1.id, $0) })
    entryCount = store.streams.reduce(0) { $0 + $1.keptEntryCount }
  }

  /// Nil if there are more streams than ids of rows have room for.
  func place(of stream: StreamInfo) -> Int? { places[stream.id].flatMap { $0 < Self.placeCountMax ? $0 : nil } }

  var isOverdue: Bool { SystemClock.monotonic() >= deadline }

  static let overdue = SQLFailure(.limit, "the query takes longer than it may")

  static func undecided(_ number: UInt64, _ stream: StreamName) -> SQLFailure {
    SQLFailure(
      .limit,
      """
      a regular expression of MATCH takes too many steps on entry \(number) of '\(stream)'; give its repetitions a \
      limit, like .{0,80} instead of .*
      """)
  }

  func read(_ request: ReadRequest) throws(SQLFailure) -> ReadResult {
    if isOverdue { throw Self.overdue }
    do throws(StoreError) { return try store.read(request, isCancelled: { self.isOverdue }) } catch {
      throw isOverdue ? Self.overdue : SQLFailure(error)
    }
  }

  /// Notes that a range is lost, unless it was removed meanwhile.
  func note(lost numbers: ClosedRange<UInt64>, of stream: StreamInfo) throws(SQLFailure) {
    do throws(StoreError) {
      guard let note = try store.loss(of: numbers, of: stream), !notes.contains(note) else { return }
      lostCount += 1
      if lostCount <= Self.noteCountMax { notes.append(note) }
      if lostCount == Self.noteCountMax + 1 { notes.append("there are more ranges that are lost") }
    } catch {
      throw SQLFailure(error)
    }
  }
}
