import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// What was deleted is found by nobody, and every number of it is said to be deleted.
@Suite struct DeletionTests {
  private static func configuration(_ directory: TestDirectory, _ clock: TestClock) -> StoreConfiguration {
    var configuration = TestStore.configuration(directory, clock)
    configuration.retentionInterval = .milliseconds(2)
    configuration.elapsed = { clock.now }
    return configuration
  }

  @Test(arguments: [0, 1 << 20]) func `a part of a stream is deleted, batches in the middle included`(
    cacheByteCount: Int
  ) throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = Self.configuration(directory, clock)
    configuration.tailCacheByteCountMax = cacheByteCount
    do {
      let test = try TestStore(configuration, in: directory)
      for (number, texts) in [["1", "2", "3"], ["4"], ["5", "6", "7", "8", "9"]].enumerated() {
        test.append("web", .test(texts, times: texts.compactMap { Int64($0) }), number: UInt64(number + 1))
        if number == 0 { test.roll(clock) }
      }
      let report = try test.delete("web", 2...5).get()
      #expect(report.numbers == 2...5 && report.entryCount == 4 && report.incarnation == test.info("web")?.incarnation)
      #expect(try test.delete("web", 7...7).get().entryCount == 1)
      // What is gone goes only once.
      #expect(try test.delete("web", 1...7).get().entryCount == 2)
      #expect(try test.delete("web", 1...7).get().entryCount == 0)
      try Self.expectDeleted(test)
      #expect(try test.readAll("$audit").texts.count == 3)
      test.close()
    }
    let test = try TestStore(configuration, in: directory)
    try Self.expectDeleted(test)
    #expect(
      try test.readAll("$audit").texts == [
        "user 1000 deleted a part of the stream 'web': 4 entries, 2 to 5",
        "user 1000 deleted a part of the stream 'web': 1 entry, 7 to 7",
        "user 1000 deleted a part of the stream 'web': 2 entries, 1 to 6",
      ])
    // Numbers never go back.
    #expect(test.append("web", .test("10"), number: 4)?.first == 10)
  }

  private static func expectDeleted(_ test: TestStore) throws {
    let info = try #require(test.info("web"))
    #expect(try test.readAll("web") == .init(texts: ["8", "9"], skips: [.init(from: 1, to: 7, reason: .deleted)]))
    #expect([info.first, info.firstKept, info.head, info.keptEntryCount] == [1, 8, 9, 2])
    let reverse = try test.read(ReadRequest(stream: info.id, from: 1, to: 9, isReverse: true)).get()
    #expect(reverse.pieces.last == .skip(1...7, .deleted) && reverse.next == 0)
    // A limit is of entries: what was deleted does not count, and is covered at once.
    let limited = try test.read(ReadRequest(stream: info.id, from: 1, to: 9, countMax: 1)).get()
    #expect(limited.pieces.first == .skip(1...7, .deleted) && limited.next == 9)
    let last = try test.read(ReadRequest(stream: info.id, from: 1, to: 9, isReverse: true, countMax: 1)).get()
    #expect(last.pieces.count == 1 && last.next == 8)
    let everything = SharedFilter(try Filter("-nothing"))
    let filtered = try test.read(ReadRequest(stream: info.id, from: 1, to: 9, filter: everything)).get()
    #expect(filtered.pieces.first == .skip(1...7, .deleted))
    #expect(test.findSequence("web", atOrAfter: 3) == 8)
    #expect(test.findSequence("web", atOrBefore: 7) == nil)
    #expect(test.findSequence("web", atOrBefore: .max) == 9)
  }

  @Test func `a deleted stream is gone, and its name begins anew`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let configuration = Self.configuration(directory, clock)
    let before: StreamInfo
    do {
      let test = try TestStore(configuration, in: directory)
      test.append("web", .test(["a", "b"]), number: 1)
      test.roll(clock)
      test.append("web", .test("c"), number: 2)
      before = try #require(test.info("web"))
      #expect(try test.delete("web", of: before.incarnation).get().entryCount == 3)
      #expect(test.info("web") == nil)
      #expect(test.sink.deleted == [before])
      let gone = try #require(failure(of: test.delete("web")))
      #expect(gone.code == .unknownStream)
      let request = ReadRequest(stream: before.id, from: 1, to: 3)
      let unknown = try #require(failure(of: test.read(request)))
      #expect(unknown.code == .unknownStream)
      // The producer goes on, and what it sent before counts no more.
      #expect(test.append("web", .test("d"), number: 3, floor: 3)?.first == 1)
      #expect(test.append("web", .test("d"), number: 3)?.isDuplicate == true)
      let replaced = try #require(failure(of: test.delete("web", of: before.incarnation)))
      #expect(replaced.code == .streamReplaced && replaced.stream?.head == 1)
      test.close()
    }
    let test = try TestStore(configuration, in: directory)
    let after = try #require(test.info("web"))
    #expect(after.incarnation != before.incarnation && after.id > before.id && after.head == 1)
    #expect(try test.readAll("web") == .init(texts: ["d"], skips: []))
    #expect(test.append("web", .test("d"), number: 3)?.isDuplicate == true)
    #expect(test.append("web", .test("e"), number: 4)?.first == 2)
    #expect(try test.readAll("$audit").texts.count == 1)
  }

  @Test func `an id is not given again, even if the newest stream is gone from all segments`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let configuration = Self.configuration(directory, clock)
    do {
      let test = try TestStore(configuration, in: directory)
      test.append("tick", .test("tick"), number: 1)
      _ = try test.delete("tick").get()
      test.append("web", .test("a"), number: 1)
      let info = try #require(test.info("web"))
      _ = try test.delete("web").get()
      test.roll(clock)
      let later = try #require(test.info("tick"))
      #expect(later.id > info.id)
      _ = try test.delete("tick").get()
      test.append("$audit", .test("a"), number: 1)
      test.roll(clock)
      _ = try test.delete("tick").get()
      test.append("$audit", .test("b"), number: 2)
      test.close()
    }
    let test = try TestStore(configuration, in: directory)
    test.append("web", .test("b"), number: 1)
    #expect(try #require(test.info("web")).id > 5)
    #expect(try test.readAll("web") == .init(texts: ["b"], skips: []))
  }

  @Test func `a stream has a bounded number of deleted ranges`() throws {
    let directory = TestDirectory()
    let test = try TestStore(directory)
    let count = UInt64(Limits.removedRangeCountMax)
    test.append("web", .test((1...Int(2 * count + 2)).map(String.init)), number: 1)
    for index in 1...count { _ = try test.delete("web", 2 * index...2 * index).get() }
    let refusal = try #require(failure(of: test.delete("web", 2 * count + 2...2 * count + 2)))
    #expect(refusal.code == .badRequest && refusal.limit == .init("removed-ranges", count))
    #expect(try test.delete("web", 2 * count + 1...2 * count + 2).get().entryCount == 2)
    #expect(test.info("web")?.keptEntryCount == count)
  }

  @Test func `a store of an earlier format can delete`() throws {
    let directory = TestDirectory()
    do {
      let test = try TestStore(directory)
      test.append("web", .test(["a", "b"]), number: 1)
      test.close()
    }
    do {
      let database = try Database(directory.data + "/segments/0000000001.db", mode: .readWrite, vfs: nil)
      try database.execute(
        "ALTER TABLE segment DROP COLUMN next_stream; DROP TABLE removals; PRAGMA user_version=2")
    }
    do {
      let test = try TestStore(directory)
      #expect(try test.readAll("web").texts == ["a", "b"])
      #expect(try test.delete("web", 1...1).get().entryCount == 1)
      test.append("old", .test("a"), number: 1)
      _ = try test.delete("old").get()
      test.close()
    }
    let test = try TestStore(directory)
    #expect(try test.readAll("web") == .init(texts: ["b"], skips: [.init(from: 1, to: 1, reason: .deleted)]))
    #expect(test.info("old") == nil)
  }
}

private func failure<Value, Failure>(of result: Result<Value, Failure>) -> Failure? {
  if case .failure(let failure) = result { failure } else { nil }
}
