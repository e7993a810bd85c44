/// Rows that were acknowledged and that a full disk keeps out of the active segment, for readers of that segment.
struct UnappliedRows: Sendable {
  /// Those of a stream, in the order of their numbers. The segment has what lies before them.
  private var rows: [Int64: [SegmentRow]] = [:]
  /// The position in the log that the segment had come to without them.
  let position: UInt64

  /// - Parameter groups: in their order.
  init(_ groups: [GroupRows] = [], behind position: UInt64 = 0) {
    self.position = position
    for group in groups { append(group) }
  }

  var isEmpty: Bool { rows.isEmpty }

  mutating func append(_ group: GroupRows) {
    for row in group.rows { rows[row.stream, default: []].append(row) }
  }

  /// The rows of a stream that hold some of these numbers, ascending.
  func rows(of stream: Int64, in numbers: ClosedRange<UInt64>) -> ArraySlice<SegmentRow> {
    guard let rows = rows[stream] else { return [] }
    let start = rows.countBefore { $0.numbers.upperBound < numbers.lowerBound }
    let end = rows.countBefore { $0.numbers.lowerBound <= numbers.upperBound }
    return rows[start..<max(start, end)]
  }
}
