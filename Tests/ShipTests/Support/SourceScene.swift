import LogsSystem
import LogsTransport
import LogsWire

@testable import LogsShip

/// A source on its loop, and a test that gives the turns and waits for what it ships.
final class SourceScene: @unchecked Sendable {
  private let loop: EventLoop
  private let desk: TestDesk
  private var source: (any Source)?

  init() throws {
    loop = try EventLoop.start(name: "test")
    desk = TestDesk(loop)
  }

  deinit { loop.abandon() }

  func begin(_ make: @escaping @Sendable (SourceScene) throws -> any Source) async throws {
    try await onLoopThrowing { scene in
      let source = try make(scene)
      scene.source = source
      source.begin(scene.desk)
    }
  }

  /// Ends the source as a crash does: what it held back is gone.
  func crash() async {
    await onLoop { scene in
      scene.source?.end()
      scene.source = nil
      scene.desk.forgetAll()
    }
  }

  /// Stops the source as a shipper does.
  func finish(_ reader: @escaping @Sendable (any Source) -> any SourceReader) async throws {
    try await onLoopThrowing { scene in
      guard let source = scene.source else { return }
      source.end()
      try scene.desk.finish(reader(source))
    }
  }

  /// Gives turns until `isReached`.
  func waitUntil(_ isReached: @escaping @Sendable (SourceScene) -> Bool) async throws -> Bool {
    for _ in 0..<100_000 {
      try await giveTurns()
      if await onLoop(isReached) { return true }
      try await Task.sleep(for: .milliseconds(2))
    }
    return false
  }

  func shipped(_ count: Int) async throws -> [LogEntry] {
    _ = try await waitUntil { $0.entriesOnLoop.count >= count }
    return await entries()
  }

  func giveTurns() async throws { try await onLoopThrowing { try $0.desk.giveTurns() } }

  /// Used on the loop.
  var entriesOnLoop: [LogEntry] { desk.shipped.map(\.entry) }
  var streamsOnLoop: [String] { desk.shipped.map(\.stream.text) }
  var loggedOnLoop: [String] { desk.logged }

  func entries() async -> [LogEntry] { await onLoop(\.entriesOnLoop) }
  func streams() async -> [String] { await onLoop(\.streamsOnLoop) }
  func logged() async -> [String] { await onLoop(\.loggedOnLoop) }
  func bookmarks() async -> [String: ByteString] { await onLoop { $0.desk.bookmarks } }
  func with(_ body: @escaping @Sendable (any Source) -> Void) async { await onLoop { $0.source.map(body) } ?? () }

  private func onLoop<Value: Sendable>(_ body: @escaping @Sendable (SourceScene) -> Value) async -> Value {
    await withCheckedContinuation { continuation in
      loop.execute { continuation.resume(returning: body(self)) }
    }
  }

  private func onLoopThrowing<Value: Sendable>(
    _ body: @escaping @Sendable (SourceScene) throws -> Value
  ) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      loop.execute { continuation.resume(with: Result { try body(self) }) }
    }
  }
}
