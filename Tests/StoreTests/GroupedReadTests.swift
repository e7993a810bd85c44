import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// Several streams read at once.
@Suite struct GroupedReadTests {
  /// Time ends no answer here, however long the system suspends a thread.
  private static let readTimeMax = Duration.seconds(3600)

  /// A store with nothing in memory, whose streams hold batches of one entry each.
  private static func makeStore(_ batchCounts: KeyValuePairs<String, UInt64>) throws -> TestStore {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    configuration.tailCacheByteCountMax = 0
    configuration.readTimeMax = readTimeMax
    let test = try TestStore(configuration, in: directory)
    for (name, count) in batchCounts {
      for number in 1...count { test.append(name, .test("\(name)-\(number)"), number: number) }
    }
    return test
  }

  private static func requests(
    _ names: [String], of test: TestStore, byteCountMax: Int = ReadRequest.byteCountLimit
  ) throws -> [ReadRequest] {
    try names.map { name in
      let info = try #require(test.info(name))
      return ReadRequest(stream: info.id, from: 1, to: info.head, byteCountMax: byteCountMax)
    }
  }

  /// Whether the calling thread is a reader thread for followers.
  private static var isReaderThread: Bool {
    let name = try? PosixFileSystem().read("/proc/thread-self/comm")
    return name?.starts(with: "store-read".utf8) ?? false
  }

  private static func texts(_ result: ReadResult) throws -> [String] {
    try result.pieces.flatMap { piece in
      guard case .batches(let run) = piece else { return ["\(piece)"] }
      return try Batch.run(run.batches).flatMap(\.texts)
    }
  }

  @Test func `one answer covers several streams, in the order in which they were requested`() throws {
    let test = try Self.makeStore(["a": 1, "b": 3, "c": 2])
    let results = test.read(try Self.requests(["c", "a", "b"], of: test))
    #expect(try results.map { try Self.texts($0.get()) } == [["c-1", "c-2"], ["a-1"], ["b-1", "b-2", "b-3"]])
  }

  @Test(arguments: [1, 300, 1_000, 4_000])
  func `an answer holds no more bytes than one stream may have, plus a batch`(byteCountMax: Int) throws {
    let test = try Self.makeStore(["a": 3, "b": 1, "c": 9, "d": 2, "e": 1, "f": 4])
    let batchByteCountMax = 200
    var waiting = try Self.requests(["a", "b", "c", "d", "e", "f"], of: test, byteCountMax: byteCountMax)
    var texts: [String] = []
    while !waiting.isEmpty {
      let results = try test.read(waiting).map { try $0.get() }
      try #require((1...waiting.count).contains(results.count))
      let byteCounts = results.map(\.byteCount)
      #expect(byteCounts.dropLast().reduce(0, +) < byteCountMax)
      #expect(byteCounts.reduce(0, +) < byteCountMax + batchByteCountMax)
      #expect(byteCounts.reduce(0, +) >= byteCountMax || results.count == waiting.count)
      #expect(byteCounts.allSatisfy { $0 > 0 })
      for result in results {
        texts += try Self.texts(result)
        waiting[0].from = result.next
        if result.next > result.head { waiting.removeFirst() } else { waiting.append(waiting.removeFirst()) }
      }
    }
    let all = [("a", 3), ("b", 1), ("c", 9), ("d", 2), ("e", 1), ("f", 4)].map { name, count in
      (1...count).map { "\(name)-\($0)" }
    }
    for expected in all { #expect(texts.filter { $0.hasPrefix(expected[0].prefix(1)) } == expected) }
    #expect(texts.count == all.joined().count)
  }

  @Test func `a stream that cannot be read ends the answer, after those before it`() throws {
    let test = try Self.makeStore(["a": 1, "b": 1, "c": 1])
    var requests = try Self.requests(["a", "b", "c"], of: test)
    requests.insert(ReadRequest(stream: 99, from: 1, to: 1), at: 2)
    let results = test.read(requests)
    // The one after it has not been tried.
    try #require(results.count == 3)
    #expect(try results.prefix(2).map { try Self.texts($0.get()) } == [["a-1"], ["b-1"]])
    #expect(throws: StoreError.self) { try results[2].get() }
  }

  @Test func `losses of one stream do not affect the others`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    try DamageTests.makeTwoSegments(directory, clock)
    try DamageTests.flip(directory, "0000000001.db")
    var configuration = TestStore.configuration(directory, clock)
    configuration.readTimeMax = Self.readTimeMax
    let test = try TestStore(configuration)
    let results = try test.read(Self.requests(["other", "web", "tick"], of: test)).map { try $0.get() }
    try #require(results.count == 3)
    #expect(try Self.texts(results[0]) == ["o"])
    #expect(results[1].pieces.contains(.skip(3...4, .lost)) && results[1].next == 7)
    #expect(try Self.texts(results[2]) == ["tick"])
  }

  @Test func `entries stored while the streams are read are left to the next read`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    var configuration = disk.configuration(directory)
    // One reads, the other looks up the mark of the producer that appends meanwhile.
    configuration.readerThreadCount = 2
    configuration.tailCacheByteCountMax = 0
    configuration.readTimeMax = Self.readTimeMax
    do {
      let test = try TestStore(configuration)
      for number in 1...200 as ClosedRange<UInt64> { test.append("a", .test("\(number)"), number: number) }
      test.append("b", .test("1"), number: 1)
      test.close()
    }
    let test = try TestStore(configuration, in: directory)
    var requests = try Self.requests(["a", "b"], of: test)
    requests[1].to = .max
    let appended = Monitor<(last: UInt64, isAppending: Bool)>((1, false))
    disk.hooks.withLock {
      $0.onRead = { _ in
        // Not for what the writer reads, nor for what this append itself needs.
        guard Self.isReaderThread else { return }
        let number = appended.withLock { state -> UInt64? in
          guard state.last < 100, !state.isAppending else { return nil }
          state.isAppending = true
          return state.last + 1
        }
        guard let number else { return }
        test.append("b", .test("\(number)"), number: number)
        appended.withLock { $0 = (number, false) }
      }
    }
    let results = try test.read(requests).map { try $0.get() }
    disk.hooks.withLock { $0.onRead = nil }
    #expect(try #require(test.info("b")).head > 1)
    #expect(try results.map { try Self.texts($0) } == [(1...200).map { "\($0)" }, ["1"]])
    #expect(results.map(\.head) == [200, 1])
    // Had the head been looked up later than the snapshot was taken, what lies between would have counted as damage.
    #expect(test.sink.monitor.withLock { $0.error } == nil)
  }

  @Test func `what takes searching is left to threads that get less of the processors`() throws {
    let test = try Self.makeStore(["a": 1])
    let everything = SharedFilter(try Filter("a-"))
    func niceness(_ request: ReadRequest) -> Int? {
      let found = Monitor<Int??>(nil)
      test.store.read([request]) { _ in
        // From proc(5): behind the name in parentheses, niceness is the 17th field.
        let status = (try? PosixFileSystem().read("/proc/thread-self/stat")) ?? []
        let fields = String(decoding: status, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
        found.withLock { $0 = .some(fields.count > 16 ? Int(fields[16]) : nil) }
        found.signal()
      }
      return found.wait(timeout: TestSink.patience) { $0 } ?? nil
    }
    let plain = try #require(try Self.requests(["a"], of: test).first)
    var searching = plain
    searching.filter = everything
    let own = try #require(niceness(plain))
    #expect(niceness(searching) == min(own + 10, 19))
  }

  @Test func `when nobody waits anymore no further stream is read`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    var configuration = disk.configuration(directory)
    configuration.readTimeMax = Self.readTimeMax
    do {
      let test = try TestStore(configuration)
      for name in ["a", "b", "c"] { test.append(name, .test(name), number: 1) }
      test.close()
    }
    let test = try TestStore(configuration, in: directory)
    let requests = try Self.requests(["a", "b", "c"], of: test)
    let cancellation = CancellationToken()
    disk.hooks.withLock { $0.onRead = { _ in cancellation.cancel() } }
    let results = test.read(requests, cancellation: cancellation)
    #expect(try results.map { try Self.texts($0.get()) } == [["a"]])
    // None at all if it had already ended.
    #expect(test.read(requests, cancellation: cancellation).map { try? $0.get() } == [nil])
    disk.hooks.withLock { $0.onRead = nil }
  }

  @Test func `a waiting priority job is visible to reads that could end for it`() {
    let threads = ReaderThreads("test-read", count: 1)
    defer { threads.close() }
    let looks = Monitor<[Bool]>([])
    let isAdded = Monitor(false)
    let look: @Sendable () -> Void = {
      looks.withLock { $0.append(threads.isUrgentWaiting) }
      looks.signal()
    }
    #expect(
      threads.add {
        look()
        _ = isAdded.wait { $0 ? true : nil }
        look()
      })
    _ = looks.wait { $0.isEmpty ? nil : true }
    #expect(threads.add(isUrgent: true, look))
    isAdded.withLock { $0 = true }
    isAdded.signal()
    threads.close()
    #expect(looks.withLock { $0 } == [false, true, false])
  }
}
