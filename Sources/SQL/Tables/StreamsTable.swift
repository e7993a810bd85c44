internal import LogsStore
internal import LogsText
internal import LogsWire

/// `streams`: a row for each stream, in the order of their names.
final class StreamsTable: VirtualTable {
  private let streams: [StreamInfo]

  init(_ streams: [StreamInfo]) { self.streams = streams }

  let name = "streams"
  let declaration = """
    CREATE TABLE streams(
      stream TEXT, incarnation TEXT, first INTEGER, last INTEGER, entries INTEGER, bytes INTEGER,
      last_received TEXT, last_received_ns INTEGER, state TEXT)
    """

  func plan(_ question: TableQuestion) -> TablePlan? {
    TablePlan(cost: Double(streams.count), rowCount: Int64(streams.count))
  }

  func cursor() -> any TableCursor { Cursor(streams) }

  private final class Cursor: TableCursor {
    private let streams: [StreamInfo]
    private var index = 0
    private var clock = ClockText(.utc)

    init(_ streams: [StreamInfo]) { self.streams = streams }

    var isAtEnd: Bool { index >= streams.count }

    func begin(_ search: TableSearch) { index = 0 }
    func next() { index += 1 }
    func rowID() -> Int64 { Int64(index) }

    func write(column: Int, to result: borrowing ColumnResult) {
      let stream = streams[index]
      switch column {
      case 0: result.set(stream.name.text)
      case 1: result.set(stream.incarnation.description)
      case 2: result.set(Int64(clamping: stream.firstKept))
      case 3: result.set(Int64(clamping: stream.head))
      case 4: result.set(Int64(clamping: stream.keptEntryCount))
      case 5: result.set(Int64(clamping: stream.keptByteCount))
      case 6:
        var text: [UInt8] = []
        if stream.lastReceived != 0 { clock.appendSQL(stream.lastReceived, to: &text) }
        result.set(text)
      case 7: result.set(stream.lastReceived)
      default: result.set(stream.isSealed ? "sealed" : "open" as StaticString)
      }
    }
  }
}
