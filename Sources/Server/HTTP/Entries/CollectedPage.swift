internal import LogsText
internal import LogsWire

/// A page whose entries are put in order before any of them is sent: those of several streams, and sorted ones.
struct CollectedPage {
  /// What such a page is.
  struct Order: Hashable {
    enum Key: Hashable {
      case time
      case source
      case level
      case logType
    }

    var key = Key.time
    var isDescending = true
    var limit: Int
    var offset = 0
    /// Whether the page is turned around at last.
    var isTurned = false
    var shape = Shape.array
  }

  enum Shape: Hashable {
    case array
    /// `{"logs": [...], "total": 2, "capped": false}`.
    case logs
  }

  /// As many as may be looked at, and some that show that there are more.
  static let takenCountMax = HTTPLimits.collectedEntryCountMax + Int(HTTPLimits.pageCountMax) + 1

  private let order: Order
  private var rows: [(entry: LogEntry, handle: UInt32)] = []
  private var byteCount = 0
  /// Whether there are more than may be looked at.
  private(set) var isCapped = false

  init(_ order: Order) { self.order = order }

  /// - Returns: whether more can be taken.
  mutating func take(_ entries: [LogEntry], _ range: BatchRange) -> Bool {
    for entry in entries where (range.from...range.to).contains(entry.sequence) {
      guard rows.count < Self.takenCountMax, byteCount < HTTPLimits.collectedByteCountMax else {
        isCapped = true
        return false
      }
      byteCount += entry.message.count + 256
      rows.append((entry, range.handle))
    }
    return true
  }

  /// The answer. Of too many the oldest are left out.
  ///
  /// - Parameter origin: of a stream, by its handle.
  mutating func response(_ view: EntryView, origin: (UInt32) -> EntryOrigin) -> HTTPResponse {
    let excess = rows.count - HTTPLimits.collectedEntryCountMax
    if excess > 0 {
      isCapped = true
      rows.removeFirst(excess)
    }
    var json = JSONWriter()
    let page = self.page
    switch order.shape {
    case .array: Self.write(page, view, origin, &json)
    case .logs:
      json.object { json in
        json.key("logs")
        Self.write(page, view, origin, &json)
        json.key("total")
        json.number(UInt64(rows.count))
        json.key("capped")
        json.boolean(isCapped)
      }
    }
    json.newline()
    var response = HTTPResponse("application/json", json.bytes)
    if isCapped { response.head.headers.append(HTTPHeader("Logs-Capped", "true")) }
    return response
  }

  private static func write(
    _ page: [(entry: LogEntry, handle: UInt32)], _ view: EntryView, _ origin: (UInt32) -> EntryOrigin,
    _ json: inout JSONWriter
  ) {
    json.array { json in for row in page { view.write(row.entry, of: origin(row.handle), to: &json) } }
  }

  private var page: [(entry: LogEntry, handle: UInt32)] {
    let sorted =
      switch order.key {
      case .time: inOrder { $0.effectiveTime }
      case .level: inOrder { $0.severity.number }
      case .source: inOrder { $0.source.text }
      case .logType: inOrder { EntryView.logType(of: $0) }
      }
    let page = Array(sorted.dropFirst(order.offset).prefix(order.limit))
    return order.isTurned ? page.reversed() : page
  }

  /// Equal ones stay in the order of their streams and numbers, which is turned around with theirs.
  private func inOrder<Value: Comparable>(_ value: (LogEntry) -> Value) -> [(entry: LogEntry, handle: UInt32)] {
    let keyed = rows.map { (value: value($0.entry), row: $0) }
    let sorted = keyed.sorted { left, right in
      if left.value != right.value { return left.value < right.value }
      if left.row.handle != right.row.handle { return left.row.handle < right.row.handle }
      return left.row.entry.sequence < right.row.entry.sequence
    }
    return (order.isDescending ? sorted.reversed() : sorted).map(\.row)
  }
}
