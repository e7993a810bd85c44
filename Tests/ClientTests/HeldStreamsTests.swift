import LogsWire
import Synchronization
import Testing

@testable import LogsClient

/// Streams that wait until the server no longer refuses them.
@Suite struct HeldStreamsTests {
  @Test func `a stream is reported once, and goes on when it is accepted or its batches have failed`() throws {
    let events = Mutex<[String]>([])
    let note: @Sendable (ProducerEvent) -> Void = { event in
      switch event {
      case .heldBack(let stream, _): events.withLock { $0.append("\(stream) held") }
      case .released(let stream): events.withLock { $0.append("\(stream) released") }
      default: events.withLock { $0.append("\(event)") }
      }
    }
    let (web, db) = (StreamName("web"), StreamName("db"))
    var held = HeldStreams()
    #expect(held.isProbe(web))
    for stream in [web, web, db] { _ = held.hold(stream, nil, .closed, telling: note) }
    #expect(held.contains(web) && held.contains(db))
    held.permit(web, telling: note)
    held.permit(web, telling: note)
    #expect(!held.contains(web) && !held.isProbe(web))
    // It is handed over again, as a probe, and is reported when it is accepted.
    held.forget(db)
    #expect(!held.contains(db) && held.isProbe(db))
    _ = held.hold(db, nil, .closed, telling: note)
    #expect(held.contains(db))
    // What was refused may concern all.
    #expect(held.isProbe(web))
    held.permit(db, telling: note)
    // What is refused for good is not released.
    _ = held.hold(web, nil, .closed, telling: note)
    held.end(web)
    held.permit(web, telling: note)
    #expect(events.withLock { $0 } == ["web held", "db held", "web released", "db released", "web held"])
  }
}
