import Glibc
import LogsClient
import LogsWire
import Testing

@Suite(.endsHangs) struct CheckpointTests {
  private let db = StreamName(checked: "db")

  /// Counts what is saved, and fails on request.
  private final class CountingStore: CheckpointStore {
    let saved = Shared<[LogCursor]>([])
    let attempts = Shared(0)
    let isBroken = Shared(false)

    func load() -> LogCursor? { saved.value.last }

    func save(_ cursor: LogCursor) async throws {
      attempts.change { $0 += 1 }
      try Task.checkCancellation()
      if isBroken.value { throw TestFailure("the store is broken") }
      saved.change { $0.append(cursor) }
    }

    /// Waits until a checkpoint is at `sequence` of the stream `web`.
    func until(_ sequence: UInt64) async { await saved.until { $0.last?[web]?.sequence == sequence } }
  }

  @Test func `processed events are saved at the end, and the next run continues from there`() async throws {
    let db = db
    let server = try await FakeServer.start { server in
      try! server.fill(web, batches: 5, entryCount: 4)
      try! server.fill(db, batches: 1, entryCount: 2)
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let store = InMemoryCheckpointStore()
    var followed = Followed()
    for round in 1...3 {
      let reason = try await client.follow([.pattern(.all)], until: FollowEnd(atHead: true), checkpoints: store) {
        event in
        try followed.take(event)
      }
      #expect(reason == .until)
      #expect(store.load()?[web]?.sequence == UInt64(15 + 5 * round))
      try await server.onLoop { try $0.fill(web, batches: 1, entryCount: 5) }
    }
    #expect(followed.sequences[web] == Array(1...30))
    #expect(followed.sequences[db] == [1, 2])
    await client.shutdown()
  }

  @Test func `an event for which the closure throws comes again, earlier ones do not`() async throws {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 10, entryCount: 3) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let store = CountingStore()
    var seen: [UInt64] = []
    for last in [UInt64(3), 12, 12, 27] {
      await #expect(throws: TestFailure.self) {
        try await client.follow([.stream(web)], checkpoints: store, saveEvery: .seconds(3600)) { event in
          guard case .batch(let batch) = event else { return }
          if batch.range.upperBound > last { throw TestFailure("the work failed") }
          seen += Array(batch.range)
        }
      }
      #expect(store.load()?[web]?.sequence == last)
    }
    #expect(seen == Array(1...UInt64(seen.count)))
    #expect(seen.last == 27)
    await client.shutdown()
  }

  @Test func `a checkpoint is saved after a number of entries, and after a time without any`() async throws {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 10, entryCount: 10) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let counted = CountingStore()
    try await client.follow(
      [.stream(web)], until: FollowEnd(atHead: true), checkpoints: counted, saveEvery: .seconds(3600), orEntries: 30
    ) { _ in }
    #expect(counted.saved.value.map { $0[web]?.sequence } == [30, 60, 90, 100])

    let timed = CountingStore()
    let following = Task {
      try await client.follow([.stream(web)], checkpoints: timed, saveEvery: .milliseconds(5), orEntries: .max) { _ in }
    }
    // Nothing more arrives when it is saved.
    await timed.until(100)
    let count = timed.attempts.value
    try await server.onLoop { try $0.fill(web, batches: 1, entryCount: 1) }
    await timed.until(101)
    #expect(timed.attempts.value == count + 1)
    await client.shutdown()
    #expect(try await following.value == .cancelled)
    #expect(timed.attempts.value == count + 1)
  }

  @Test func `cancelling the task saves the processed events`() async throws {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 2, entryCount: 10) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let store = CountingStore()
    let isLive = Shared(false)
    let following = Task {
      try await client.follow([.stream(web)], checkpoints: store, saveEvery: .seconds(3600)) { event in
        if case .live = event { isLive.change { $0 = true } }
      }
    }
    await isLive.until { $0 }
    following.cancel()
    let error = await #expect(throws: LogError.self) { try await following.value }
    #expect(error?.code == .cancelled)
    #expect(store.load()?[web]?.sequence == 20)
    await client.shutdown()
  }

  @Test func `a store that fails ends it, and the first error is reported`() async throws {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 4, entryCount: 10) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let store = CountingStore()
    store.isBroken.change { $0 = true }
    let error = await #expect(throws: TestFailure.self) {
      try await client.follow([.stream(web)], checkpoints: store, orEntries: 1) { _ in }
    }
    #expect(error?.message == "the store is broken")
    let first = await #expect(throws: TestFailure.self) {
      try await client.follow([.stream(web)], checkpoints: store, saveEvery: .seconds(3600)) { event in
        if case .live = event { throw TestFailure("the work failed") }
      }
    }
    #expect(first?.message == "the work failed")
    #expect(store.load() == nil)
    await client.shutdown()
  }

  @Test func `the end of the subscription ends the call, with the current checkpoint`() async throws {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 4, entryCount: 10) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let store = InMemoryCheckpointStore(
      LogCursor([CursorPosition(stream: web, incarnation: Incarnation(99), sequence: 7)]))
    let error = await #expect(throws: LogError.self) {
      try await client.follow([.stream(web)], checkpoints: store) { _ in }
    }
    #expect(error?.code == .refused(.streamReplaced))
    #expect(store.load()?[web]?.sequence == 7)
    await client.shutdown()
  }

  @Test func `a file keeps the whole checkpoint, and errors say what is wrong with it`() async throws {
    let directory = try TestDirectory()
    let path = "\(directory.path)/cursor"
    let position = CursorPosition(stream: web, incarnation: Incarnation(5), sequence: 9)
    do {
      let store = try FileCheckpointStore(path: path)
      #expect(try await store.load() == nil)
      // In whatever order they come, each is written as a whole.
      try await withThrowingTaskGroup { group in
        for _ in 1...20 { group.addTask { try await store.save(LogCursor([position])) } }
        for try await _ in group {}
      }
    }
    let store = try FileCheckpointStore(path: path)
    #expect(try await store.load() == LogCursor([position]))
    #expect(directory.names == ["cursor"])
    let nowhere = try FileCheckpointStore(path: "\(directory.path)/nowhere/cursor")
    var error = await #expect(throws: LogError.self) { try await nowhere.save(LogCursor()) }
    #expect(error?.code == .fileFailed)
    let file = open(path, O_WRONLY | O_TRUNC)
    _ = write(file, "rubbish", 7)
    close(file)
    error = await #expect(throws: LogError.self) { try await store.load() }
    #expect(error?.code == .invalidCursor)
  }

  @Test func `stopped at random events, it misses nothing and repeats only what was not saved`() async throws {
    let seed = testSeed()
    var generator = SeededGenerator(seed: seed)
    let server = try await FakeServer.start { server in
      var generator = SeededGenerator(seed: seed &+ 1)
      try! server.fill(web, batches: 100, entryCount: 5)
      server.faults.cuts = (0..<10).map { _ in Int.random(in: 3...40, using: &generator) }
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let store = CountingStore()
    var dealtWith: UInt64 = 0
    var isComplete = false
    while !isComplete {
      var left = Int.random(in: 1...30, using: &generator)
      // Like a crash: everything unsaved is lost with the process.
      let crashes = Bool.random(using: &generator)
      let before = store.saved.value
      let entryCount = Int.random(in: 1...40, using: &generator)
      do {
        try await client.follow(
          [.stream(web)], until: FollowEnd(atHead: true), checkpoints: store, saveEvery: .seconds(3600),
          orEntries: entryCount
        ) { event in
          if case .batch(let batch) = event {
            left -= 1
            if left == 0 { throw TestFailure("stop") }
            #expect(batch.range.lowerBound <= dealtWith + 1)
            dealtWith = max(dealtWith, batch.range.upperBound)
          }
        }
        isComplete = true
      } catch is TestFailure {
        if crashes { store.saved.change { $0 = Array($0.prefix(max(before.count, $0.count - 1))) } }
      }
    }
    #expect(dealtWith == 500)
    await client.shutdown()
  }
}
