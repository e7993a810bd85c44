import LogsWire
import Testing

@testable import LogsShip

/// Lines that a container runtime has cut are joined.
struct PartialLinesTests {
  private func joined(_ lines: [String], isFlushed: Bool = false) -> [(text: String, end: UInt64)] {
    var partials = PartialLines()
    var (end, out): (UInt64, [(text: String, end: UInt64)]) = (0, [])
    for line in lines {
      end += UInt64(line.utf8.count + 1)
      partials.add(SourceLine(ByteString(line), end: end)) { out.append(($0.bytes.text, $0.end)) }
    }
    if isFlushed { partials.flush { out.append(($0.bytes.text, $0.end)) } }
    return out
  }

  @Test func `pieces become one line, with the time of the first`() {
    let lines = ["1 stdout P ab", "2 stdout P cd", "3 stdout F ef", "4 stdout F g"]
    let out = joined(lines)
    #expect(out.map(\.text) == ["1 stdout F abcdef", "4 stdout F g"])
    #expect(out.map(\.end) == [42, 55])
  }

  @Test func `the other stream's lines wait, and nothing is skipped that waits`() {
    let lines = ["1 stdout P ab", "2 stderr F x", "3 stderr P y", "4 stdout F c", "5 stderr F z"]
    let out = joined(lines)
    #expect(out.map(\.text) == ["1 stdout F abc", "2 stderr F x", "3 stderr F yz"])
    // Behind the first two, reading goes on at the third, which is still open when they come.
    #expect(out.map(\.end) == [27, 27, 66])
  }

  @Test func `what stays open is emitted when it is asked for, and other lines are left alone`() {
    #expect(joined(["1 stdout P ab"]).isEmpty)
    #expect(joined(["1 stdout P ab"], isFlushed: true).map(\.text) == ["1 stdout P ab"])
    #expect(joined(["1 stdout P ab", "2 stdout P c"], isFlushed: true).map(\.text) == ["1 stdout F abc"])
    #expect(joined(["no tags", "", "a b c"]).map(\.text) == ["no tags", "", "a b c"])
  }

  @Test func `a line that is longer than a message keeps its beginning and its length`() {
    var partials = PartialLines()
    var out: [SourceLine] = []
    let piece = String(repeating: "x", count: 16 << 10)
    for number in 0..<100 {
      let line = "1 stdout \(number == 99 ? "F" : "P") \(piece)"
      partials.add(SourceLine(ByteString(line), end: UInt64(number))) { out.append($0) }
    }
    #expect(out.count == 1)
    #expect(out.first?.bytes.count == 1 << 20)
    #expect(out.first?.byteCount == "1 stdout P ".utf8.count + 100 * piece.utf8.count)
  }
}
