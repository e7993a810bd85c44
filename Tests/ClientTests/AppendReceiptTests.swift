import LogsWire
import Testing

@testable import LogsClient

@Suite struct AppendReceiptTests {
  private let stream = StreamName(checked: "web")

  @Test func `neighbouring ranges are joined, others stay apart`() {
    var receipt = AppendReceipt(stream: stream)
    #expect(receipt.isEmpty)
    #expect(receipt.ranges.isEmpty)
    for range: ClosedRange<UInt64> in [3...4, 5...5, 9...9, 10...12, 20...20] { receipt.append(range) }
    #expect(receipt.ranges == [3...5, 9...12, 20...20])
    #expect(receipt.sequences == 3...20)
    #expect(receipt.entryCount == 8)
  }

  @Test func `ranges that are set are those that are read`() {
    var receipt = AppendReceipt(stream: stream)
    for ranges: [ClosedRange<UInt64>] in [[1...2], [1...2, 4...5], [1...2, 4...5, 9...9], []] {
      receipt.ranges = ranges
      #expect(receipt.ranges == ranges)
      #expect(receipt.isEmpty == ranges.isEmpty)
    }
  }
}
