import LogsTransport
import LogsWire
import Testing

@testable import LogsClient
@testable import LogsShip

/// What the desk itself ships.
struct TurnDeskTests {
  /// Shipments that the desk has handed over, used on its loop.
  private final class Shipments: @unchecked Sendable {
    var entries: [[LogEntry]] = []

    func take(_ group: consuming AppendGroup) {
      let compressor = Compressor()
      var decoder = BatchDecoder()
      var entries: [LogEntry] = []
      for draft in group.sealed() {
        guard case .batch(let bytes, _) = draft.encode(with: compressor).content else { continue }
        entries += (try? decoder.entries(of: Batch(wholeOf: bytes))) ?? []
      }
      self.entries.append(entries)
    }
  }

  /// Its `desk` is used on the loop.
  private final class Scene: @unchecked Sendable {
    let desk: TurnDesk
    init(_ desk: TurnDesk) { self.desk = desk }
  }

  @Test func `while nothing is shipped its own log is bounded, and says what is missing`() async throws {
    let loop = try EventLoop.start(name: "test")
    defer { loop.stop() }
    var configuration = ShipperConfiguration(stateDirectory: "/nowhere")
    configuration.ownStream = StreamName("ship")
    configuration.linger = .zero
    let shipments = Shipments()
    let scene = Scene(
      TurnDesk(
        loop, configuration, bookmarks: [:],
        makeGroup: { AppendGroup(LogProducerConfiguration(), stream: StreamName("unused")) },
        hand: { shipments.take($0) }, keep: { _ in }, report: { _, _ in }))
    let extra = 500
    // As many shipments as may be on their way, each with one entry; then more than may wait.
    var count = 0
    func add() async {
      count += 1
      let text = "\(count)"
      await withCheckedContinuation { done in
        loop.execute {
          scene.desk.add(LogEntry(message: ByteString(text)))
          done.resume()
        }
      }
    }
    func shipped(_ count: Int) async throws -> [[LogEntry]] {
      for _ in 0..<5_000 {
        let entries = await withCheckedContinuation { done in
          loop.execute { done.resume(returning: shipments.entries) }
        }
        if entries.count >= count { return entries }
        try await Task.sleep(for: .milliseconds(1))
      }
      Issue.record("\(count) shipments did not come")
      return []
    }
    let inFlightCount = 4
    for number in 1...inFlightCount {
      await add()
      _ = try await shipped(number)
    }
    for _ in 0..<(TurnDesk.ownEntryCountMax + extra) { await add() }
    loop.execute { scene.desk.accepted() }
    let last = try await shipped(inFlightCount + 1)
    #expect(last.count == inFlightCount + 1)
    let texts = last.last?.map(\.text) ?? []
    #expect(texts.first == "\(extra) entries of ship's own log dropped: nothing could be shipped for too long")
    #expect(Array(texts.dropFirst()) == ((inFlightCount + extra + 1)...count).map(String.init))
  }
}
