import Foundation
import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

@Suite struct SegmentTests {
  /// Three segments with numbers 1...3, 4...6, 7...9 of the stream `web`.
  private static func threeSegments(_ test: TestStore, _ clock: TestClock) {
    for number in 1...9 as ClosedRange<UInt64> {
      test.append("web", .test("\(number)"), number: number)
      if number == 3 || number == 6 { test.roll(clock) }
    }
  }

  private static let nine = (1...9).map(String.init)

  @Test func `a stream is read across segments, in small steps and large ones`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = TestStore.configuration(directory, clock)
    configuration.tailCacheByteCountMax = 0
    let test = try TestStore(configuration)
    Self.threeSegments(test, clock)
    #expect(test.store.statistics.segmentCount == 3)
    #expect(test.store.statistics.sealedSegmentCount == 2)
    #expect(try test.readAll("web").texts == Self.nine)
    #expect(try test.readAll("web", byteCountMax: 1).texts == Self.nine)
    #expect(try test.readAll("web", from: 5).texts == Array(Self.nine[4...]))
    #expect(directory.names().filter { $0.hasSuffix(".db") } == ["0000000001.db", "0000000002.db", "0000000003.db"])
    #expect(!directory.names().contains("0000000001.db-wal"))
    test.close()
    let again = try TestStore(configuration)
    #expect(try again.readAll("web").texts == Self.nine)
    #expect(again.append("web", .test("10"), number: 10)?.first == 10)
  }

  @Test func `a segment rolls when it is large enough`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    configuration.segmentByteCountMax = 256 << 10
    let test = try TestStore(configuration)
    let text = String(repeating: "x", count: 20_000)
    var number: UInt64 = 0
    while test.store.statistics.segmentCount < 4, number < 2000 {
      number += 1
      #expect(test.append("web", .test(text), number: number)?.first == number)
    }
    #expect(test.store.statistics.segmentCount >= 4)
    #expect(try test.readAll("web").texts.count == Int(number))
  }

  @Test func `a segment rolls when it has many rows`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    configuration.segmentRunCountMax = 16
    let test = try TestStore(configuration)
    var number: UInt64 = 0
    while test.store.statistics.segmentCount < 4, number < 2000 {
      number += 1
      #expect(test.append("web", .test("x"), number: number)?.first == number)
    }
    #expect(test.store.statistics.segmentCount == 4)
    #expect(number > 3 * 16)
    test.close()
    let again = try TestStore(configuration)
    #expect(try again.readAll("web").texts.count == Int(number))
    #expect(again.append("web", .test("x"), number: number + 1)?.first == number + 1)
  }

  @Test func `with many streams a segment has twice as many rows before it rolls`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    configuration.segmentRunCountMax = 4
    let test = try TestStore(configuration)
    let streamCount = 50
    var rowCount = 0
    while test.store.statistics.segmentCount < 2, rowCount < 2000 {
      let number = UInt64(rowCount / streamCount) + 1
      #expect(test.append("s\(rowCount % streamCount)", .test("x"), number: number)?.first == number)
      rowCount += 1
    }
    #expect(test.store.statistics.segmentCount == 2)
    #expect(rowCount >= 2 * streamCount)
  }

  @Test func `an empty segment never rolls`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try TestStore(directory, clock)
    test.append("web", .test("1"), number: 1)
    test.roll(clock)
    clock.advance(.seconds(100 * 3600))
    #expect(test.append("web", .test("1"), number: 1)?.isDuplicate == true)
    test.close()
    #expect(directory.names() == ["0000000001.db", "0000000002.db"])
  }

  @Test func `numbers do not go back when the older segments are gone`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    do {
      let test = try TestStore(directory, clock)
      Self.threeSegments(test, clock)
      test.append("old", .test("1"), number: 1)
      test.roll(clock)
      test.close()
    }
    for number in 1...3 { directory.remove("data/segments/000000000\(number).db") }
    let test = try TestStore(directory, clock)
    #expect(test.info("web")?.head == 9)
    #expect(test.info("old")?.head == 1)
    #expect(test.append("web", .test("10"), number: 10)?.first == 10)
    #expect(test.append("old", .test("2"), number: 2)?.first == 2)
    #expect(test.store.statistics.missingSegmentCount == 3)
    #expect(try test.readAll("web") == TestStore.Reading(texts: ["10"], skips: [.init(from: 1, to: 9, reason: .lost)]))
  }

  @Test func `a missing segment in between costs its range`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    do {
      let test = try TestStore(directory, clock)
      Self.threeSegments(test, clock)
      test.close()
    }
    directory.remove("data/segments/0000000002.db")
    let test = try TestStore(directory, clock)
    #expect(
      try test.readAll("web")
        == TestStore.Reading(texts: ["1", "2", "3", "7", "8", "9"], skips: [.init(from: 4, to: 6, reason: .lost)]))
    #expect(try test.readAll("web", from: 5).skips == [.init(from: 5, to: 6, reason: .lost)])
    let info = try #require(test.info("web"))
    let reverse = try test.read(ReadRequest(stream: info.id, from: 2, to: 8, isReverse: true)).get()
    #expect(reverse.next == 1)
    #expect(reverse.pieces.count == 5)
    #expect(reverse.pieces[2] == .skip(4...6, .lost))
  }

  @Test func `a missing segment below the mark of retention is trimmed, not lost`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    do {
      let test = try TestStore(directory, clock)
      Self.threeSegments(test, clock)
      test.close()
    }
    // As retention will do it: the mark first, then the file.
    try Database(directory.data + "/segments/0000000003.db", mode: .readWrite, vfs: nil)
      .execute("UPDATE segment SET trimmed_below = 2")
    directory.remove("data/segments/0000000001.db")
    let test = try TestStore(directory, clock)
    #expect(test.info("web")?.first == 4)
    #expect(test.store.statistics.missingSegmentCount == 0)
    #expect(
      try test.readAll("web")
        == TestStore.Reading(texts: ["4", "5", "6", "7", "8", "9"], skips: [.init(from: 1, to: 3, reason: .trimmed)]))
  }

  @Test func `a missing newest segment prevents the start`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    do {
      let test = try TestStore(directory, clock)
      Self.threeSegments(test, clock)
      test.close()
    }
    directory.remove("data/segments/0000000003.db")
    let error = #expect(throws: StoreError.self) { try TestStore(directory, clock) }
    #expect(error?.code == .missingSegment)
    #expect(error?.message.contains("0000000003.db") == true)
  }

  @Test func `segments without their store file prevent the start`() throws {
    let directory = TestDirectory()
    do {
      let test = try TestStore(directory)
      test.append("web", .test("1"), number: 1)
      test.close()
    }
    directory.remove("data/store")
    #expect(throws: StoreError.self) { try TestStore(directory) }
  }

  @Test func `a segment newer than the store file says prevents the start, unless it is unused`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    do {
      let test = try TestStore(directory, clock)
      test.append("web", .test("1"), number: 1)
      test.close()
    }
    let old = directory.contents("data/store")
    do {
      let test = try TestStore(directory, clock)
      test.roll(clock)
      test.close()
    }
    let new = directory.contents("data/store")
    directory.write("data/store", old)
    do {
      // Nothing is in segment 2 yet: a crash before `store` named it looks the same.
      let test = try TestStore(directory, clock)
      #expect(directory.names().contains("0000000002.db") == false)
      test.roll(clock)
      test.append("web", .test("2"), number: 2)
      test.close()
    }
    directory.write("data/store", old)
    #expect(throws: StoreError.self) { try TestStore(directory, clock) }
    directory.write("data/store", new)
    #expect(try TestStore(directory, clock).readAll("web").texts == ["1", "2"])
  }

  @Test func `a released lock is free even while a copy of its descriptor is open`() throws {
    let directory = TestDirectory()
    let path = "\(directory.path)/lock"
    let files = PosixFileSystem()
    var lock = try files.lock(path)
    #expect(lock != nil)
    var locked = stat()
    #expect(stat(path, &locked) == 0)
    // As a process has that is being started, until its exec.
    let copies = try files.list("/proc/self/fd").compactMap { Int32($0) }.filter { descriptor in
      var found = stat()
      return fstat(descriptor, &found) == 0 && found.st_dev == locked.st_dev && found.st_ino == locked.st_ino
    }.map { dup($0) }
    defer { for copy in copies { close(copy) } }
    #expect(copies.count == 1)
    lock = nil
    #expect(try !files.isLocked(path))
  }

  @Test func `a second process gets an error that the directory is in use`() throws {
    let directory = TestDirectory()
    let test = try TestStore(directory)
    let error = #expect(throws: StoreError.self) { try TestStore(directory) }
    #expect(error?.code == .locked)
    #expect(error?.message.contains(directory.data) == true)
    test.close()
    _ = try TestStore(directory)
  }

  @Test func `sealing waits for an outsider and reads stay right meanwhile`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = TestStore.configuration(directory, clock)
    configuration.tailCacheByteCountMax = 0
    configuration.upkeepRetryInterval = .milliseconds(20)
    let test = try TestStore(configuration)
    for number in 1...3 as ClosedRange<UInt64> { test.append("web", .test("\(number)"), number: number) }
    do {
      let outsider = try Database(directory.data + "/segments/0000000001.db", mode: .readOnly, vfs: nil)
      try outsider.execute("BEGIN; SELECT count(*) FROM runs")
      test.roll(clock, waitForSeal: false)
      #expect(test.sink.waitForLine("segment 1 cannot be sealed while another program"))
      test.append("web", .test("4"), number: 4)
      #expect(try test.readAll("web").texts == ["1", "2", "3", "4"])
      try outsider.execute("COMMIT")
    }
    #expect(test.sink.waitForLine("segment 1 is sealed"))
    #expect(try test.readAll("web").texts == ["1", "2", "3", "4"])
    #expect(!directory.names().contains("0000000001.db-wal"))
  }

  @Test func `a segment that was not sealed before the stop is sealed after the start`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = TestStore.configuration(directory, clock)
    configuration.upkeepRetryInterval = .seconds(3600)
    do {
      let test = try TestStore(configuration)
      for number in 1...3 as ClosedRange<UInt64> { test.append("web", .test("\(number)"), number: number) }
      let outsider = try Database(directory.data + "/segments/0000000001.db", mode: .readOnly, vfs: nil)
      try outsider.execute("BEGIN; SELECT count(*) FROM runs")
      test.roll(clock, waitForSeal: false)
      #expect(test.sink.waitForLine("segment 1 cannot be sealed"))
      test.close()
      try outsider.execute("COMMIT")
    }
    let test = try TestStore(configuration)
    #expect(test.sink.waitForLine("segment 1 is sealed"))
    #expect(try test.readAll("web").texts == ["1", "2", "3"])
  }

  @Test func `segments are sealed while readers read them`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = TestStore.configuration(directory, clock)
    configuration.tailCacheByteCountMax = 0
    configuration.readerThreadCount = 3
    let test = try TestStore(configuration)
    for number in 1...100 as ClosedRange<UInt64> { test.append("web", .test("\(number)"), number: number) }
    let id = try #require(test.info("web")).id
    let answers = Monitor<[[Result<ReadResult, StoreError>]]>([])
    for round in 0..<5 {
      for from in 1...100 as ClosedRange<UInt64> {
        let request = ReadRequest(stream: id, from: from, to: 100)
        test.store.read([request, request]) { answer in
          answers.withLock { $0.append(answer) }
          answers.signal()
        }
      }
      test.roll(clock)
      let done = answers.wait(timeout: TestSink.patience) { $0.count == (round + 1) * 100 ? $0 : nil }
      for result in try #require(done).joined() {
        let pieces = try result.get().pieces
        #expect(pieces.allSatisfy { if case .batches = $0 { true } else { false } })
        #expect(try result.get().next == 101)
      }
    }
    #expect(test.store.statistics.sealedSegmentCount == 5)
  }

  @Test func `a segment found damaged stays so when it is sealed`() {
    let segment = Segment(number: 1, path: "", state: .closing)
    segment.finishSealing()
    #expect(segment.state == .sealed)
    let damaged = Segment(number: 1, path: "", state: .damaged)
    damaged.finishSealing()
    #expect(damaged.state == .damaged)
  }

  @Test func `the size of the store counts each segment once, before a roll and after it`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let text = String(repeating: "x", count: 500_000)
    let test = try TestStore(directory, clock)
    test.append("web", .test(text), number: 1)
    test.append("web", .test(text), number: 2)
    #expect(test.store.statistics.byteCount > 1_000_000)
    test.roll(clock)
    #expect((1_000_000..<1_500_000).contains(test.store.statistics.byteCount))
    test.close()
    let again = try TestStore(directory, clock)
    #expect((1_000_000..<1_500_000).contains(again.store.statistics.byteCount))
  }

  @Test func `no file is readable by others`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let before = umask(0o022)
    defer { umask(before) }
    let test = try TestStore(directory, clock)
    test.append("web", .test("1"), number: 1)
    test.roll(clock)
    test.append("web", .test("2"), number: 2)
    let names = directory.names("data").map { "data/" + $0 } + directory.names().map { "data/segments/" + $0 }
    #expect(names.count >= 6)
    for name in names {
      let mode = try FileManager.default.attributesOfItem(atPath: directory.path + "/" + name)[.posixPermissions]
      let expected = ["data/segments"].contains(name) ? 0o750 : 0o640
      #expect((mode as? Int) == expected, "\(name)")
    }
  }

  @Test func `marks that did not fit into the next segment are found in the one before`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = TestStore.configuration(directory, clock)
    configuration.markForwardCountMax = 3
    configuration.segmentByteCountMax = 400_000
    let text = String(repeating: "x", count: 2000)
    do {
      let test = try TestStore(configuration)
      var number: UInt64 = 0
      while test.store.statistics.segmentCount < 4, number < 1000 {
        number += 1
        for producer in 1...20 as ClosedRange<UInt64> {
          #expect(test.append("web", .test(text), producer: producer, number: number)?.isDuplicate == false)
        }
      }
      #expect(test.store.statistics.segmentCount == 4)
      for producer in 1...20 as ClosedRange<UInt64> {
        #expect(test.append("web", .test(text), producer: producer, number: number)?.isDuplicate == true)
      }
      test.close()
      let again = try TestStore(configuration)
      for producer in 1...20 as ClosedRange<UInt64> {
        for earlier in max(number, 20) - 19...number {
          #expect(again.append("web", .test(text), producer: producer, number: earlier)?.isDuplicate == true)
        }
      }
    }
  }
}
