import LogsTransport
import LogsWire
import Testing

@testable import LogsShip

/// What readers add in their turns.
struct ShipmentTests {
  /// Reads its lines one a turn.
  private final class LineReader: SourceReader {
    private var lines: [String]
    init(_ lines: [String]) { self.lines = lines }

    func read(into shipment: inout Shipment) -> Bool {
      let line = lines.removeFirst()
      shipment.add(LogEntry(message: ByteString(line)), to: StreamName("web"))
      shipment.set("lines", ByteString("\(lines.count) left"))
      return !lines.isEmpty
    }

    func finish(into shipment: inout Shipment) { shipment.complete(StreamName("web")) }
  }

  @Test func `entries are shipped in the order of turns, each with its bookmark`() throws {
    let loop = try EventLoop.start(name: "test")
    defer { loop.stop() }
    let desk = TestDesk(loop)
    let reader = LineReader(["a", "b", "c"])
    desk.turn(reader)
    desk.turn(reader)
    try desk.giveTurns()
    #expect(desk.shipped.map(\.entry.text) == ["a", "b", "c"])
    #expect(desk.bookmark("lines") == "0 left")
    try desk.finish(reader)
    #expect(desk.completed == [StreamName("web")])
  }
}
