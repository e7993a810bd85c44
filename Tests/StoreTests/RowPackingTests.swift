import LogsDisk
import LogsWire
import Testing

@testable import LogsStore

/// Rows of many small batches, which are packed.
@Suite struct RowPackingTests {
  private static func configuration(_ directory: TestDirectory, _ clock: TestClock) -> StoreConfiguration {
    var configuration = CheckTests.quick(directory, clock)
    configuration.tailCacheByteCountMax = 0
    configuration.noticesCopies = false
    return configuration
  }

  private static func text(_ number: UInt64) -> String { "request \(number) took \(number * 7 % 1000) ms" }
  private static func texts(_ numbers: ClosedRange<UInt64>) -> [String] { numbers.map(text) }

  /// Appends entries in batches of their own, all in one commit: the time of entry n is 10 n.
  private static func append(_ numbers: ClosedRange<UInt64>, to stream: String = "web", _ test: TestStore) {
    let batches = numbers.map { Batch.test([text($0)], times: [Int64($0) * 10]) }
    let outcomes = test.appendTogether(batches, to: stream, from: numbers.lowerBound)
    #expect(outcomes.map { $0?.first } == Array(numbers))
  }

  /// Three rows of `web`, 40 entries each, and one of `db`.
  private static func make(_ directory: TestDirectory, _ clock: TestClock) throws -> TestStore {
    let test = try TestStore(configuration(directory, clock), in: directory, commitsHere: true)
    append(1...40, test)
    append(41...80, test)
    append(1...30, to: "db", test)
    append(81...120, test)
    return test
  }

  private struct Row {
    var id: Int64
    var stream: Int64
    var numbers: ClosedRange<UInt64>
    var unpackedLength: Int
    var byteCount: Int
  }

  /// The rows of the first segment. Where there are 8 batches or more, they are packed.
  private static func rows(_ directory: TestDirectory) throws -> [Row] {
    let database = try Database(directory.data + "/segments/0000000001.db", mode: .readOnly, vfs: nil)
    let rows = try database.prepare(
      "SELECT id, stream, first_seq, span, unpacked_length, length(batches), length(producers) FROM runs ORDER BY id")
    var found: [Row] = []
    while try rows.step() {
      found.append(
        Row(
          id: rows.integer(0), stream: rows.integer(1), numbers: try rows.numbers(first: 2, span: 3),
          unpackedLength: Int(rows.integer(4)), byteCount: Int(rows.integer(5))))
      #expect(rows.integer(4) == 0 || rows.integer(6) == 0)
    }
    return found
  }

  /// Damages a packed row of `web`.
  ///
  /// - Returns: its numbers.
  private static func damage(_ directory: TestDirectory) throws -> ClosedRange<UInt64> {
    let row = try #require(try rows(directory).last { $0.stream == 1 && $0.unpackedLength > 0 })
    try PartialDamageTests.change(
      directory,
      "UPDATE runs SET batches = substr(batches, 1, 200) || x'eeee' || substr(batches, 203) WHERE id = \(row.id)")
    return row.numbers
  }

  /// What is left of `web` without these numbers.
  private static func expectLost(_ numbers: ClosedRange<UInt64>, _ test: TestStore) throws {
    let reading = try test.readAll("web")
    #expect(reading.texts == (1...120).filter { !numbers.contains($0) }.map(text))
    #expect(reading.skips == [TestStore.Reading.Skip(from: numbers.lowerBound, to: numbers.upperBound, reason: .lost)])
    #expect(try test.readAll("db").texts == texts(1...30))
  }

  private static func verify(_ test: TestStore) throws {
    #expect(try test.readAll("web").texts == texts(1...120))
    #expect(try test.readAll("web", from: 57, byteCountMax: 1).texts == texts(57...120))
    #expect(try test.readAll("db").texts == texts(1...30))
    for number in [1, 39, 40, 41, 80, 81, 120] as [UInt64] {
      #expect(test.findSequence("web", atOrAfter: Int64(number) * 10 - 5) == number)
      #expect(test.findSequence("web", atOrBefore: Int64(number) * 10 + 5) == number)
    }
    let outcome = test.append("web", .test([text(100)], times: [1000]), number: 100)
    #expect(outcome?.first == 100 && outcome?.isDuplicate == true)
  }

  @Test func `rows of many small batches are packed, and every read finds the same, open, restarted and sealed`() throws
  {
    let directory = TestDirectory()
    let clock = TestClock()
    var sizes: [UInt64?] = []
    do {
      let test = try Self.make(directory, clock)
      let rows = try Self.rows(directory)
      #expect(rows.map(\.numbers) == [1...40, 41...80, 1...30, 81...120])
      for row in rows { #expect(row.unpackedLength > 3_000 && row.byteCount < row.unpackedLength / 3, "\(row)") }
      try Self.verify(test)
      sizes.append(test.info("web")?.storedByteCount)
      // As a crash leaves it: the table of marks has none of these.
      let crashed = directory.copy()
      let again = try TestStore(Self.configuration(crashed, clock), in: crashed)
      try Self.verify(again)
      sizes.append(again.info("web")?.storedByteCount)
      #expect(try CheckTests.findings(crashed.data) == [])
      test.roll(clock)
      try Self.verify(test)
      test.close()
    }
    let test = try TestStore(Self.configuration(directory, clock), in: directory)
    try Self.verify(test)
    sizes.append(test.info("web")?.storedByteCount)
    #expect(Set(sizes).count == 1 && sizes[0] != nil, "\(sizes)")
    #expect(try CheckTests.findings(directory.data) == [])
  }

  @Test func `what is deleted leaves packed rows, which stay packed`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try Self.make(directory, clock)
    test.roll(clock)
    _ = try test.delete("web", 50...60).get()
    #expect(test.sink.waitForLine("segment 1 is rewritten"))
    #expect(try test.readAll("web").texts == Self.texts(1...49) + Self.texts(61...120))
    let rows = try Self.rows(directory)
    #expect(rows.count(where: { $0.unpackedLength > 0 }) >= 3, "\(rows)")
    for number in [90, 120] as [UInt64] {
      let outcome = test.append("web", .test([Self.text(number)], times: [Int64(number) * 10]), number: number)
      #expect(outcome?.isDuplicate == true)
    }
    test.close()
    #expect(try CheckTests.findings(directory.data) == [])
  }

  @Test func `few batches and large ones are not packed`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try TestStore(Self.configuration(directory, clock), in: directory, commitsHere: true)
    Self.append(1...7, test)
    let large = (1...20).map { Batch.test(String(repeating: "\($0) ", count: 300)) }
    #expect(test.appendTogether(large, to: "large", from: 1).allSatisfy { $0?.first != nil })
    #expect(try Self.rows(directory).allSatisfy { $0.unpackedLength == 0 })
  }

  @Test func `damage in a packed row costs that row, a check finds it, and a repair keeps all others`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let made = try Self.make(directory, clock)
    made.roll(clock)
    made.close()
    let lost = try Self.damage(directory)
    let damage = try CheckTests.damage(directory.data)
    #expect(damage.map(\.numbers) == [lost] && damage[0].text.hasSuffix("of 'web' do not pass their check"))
    do {
      let test = try TestStore(Self.configuration(directory, clock), in: directory)
      try Self.expectLost(lost, test)
    }
    _ = try RepairTests.repair(directory)
    #expect(try CheckTests.damage(directory.data) == [])
    try Self.expectLost(lost, TestStore(Self.configuration(directory, clock), in: directory))
  }

  @Test func `a start after a crash is refused where a row of the newest segment cannot be unpacked`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try Self.make(directory, clock)
    let crashed = directory.copy()
    test.close()
    let lost = try Self.damage(crashed)
    let error = #expect(throws: StoreError.self) { try TestStore(Self.configuration(crashed, clock), in: crashed) }
    let text = error?.description ?? ""
    #expect(error?.code == .damaged)
    #expect(text.contains("numbers \(lost.lowerBound) to \(lost.upperBound) of the stream 'web'"), "\(text)")
    _ = try RepairTests.repair(crashed)
    let again = try TestStore(Self.configuration(crashed, clock), in: crashed)
    let kept = (1...(again.info("web")?.head ?? 1)).filter { !lost.contains($0) }
    #expect(try again.readAll("web").texts == kept.map(Self.text))
  }

  @Test func `so is one that needs the marks of such a row`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try Self.make(directory, clock)
    // What a start checks anyway ends before the row.
    let large = String(repeating: "x", count: 1_900_000)
    for number in 1...9 as ClosedRange<UInt64> { test.append("large", .test(large), number: number) }
    let crashed = directory.copy()
    test.close()
    _ = try Self.damage(crashed)
    let error = #expect(throws: StoreError.self) { try TestStore(Self.configuration(crashed, clock), in: crashed) }
    #expect(error?.code == .damaged && error?.description.contains("a row of stream 1 cannot be unpacked") == true)
  }

  @Test(arguments: [-1, 1, Int64.max, 3 << 20, nil])
  func `a wrong length harms no start, and a repair needs none`(length: Int64?) throws {
    for isPacked in [true, false] {
      let directory = TestDirectory()
      let clock = TestClock()
      let made = try Self.make(directory, clock)
      made.append("web", .test([Self.text(121)], times: [1210]), number: 121)
      made.close()
      let rows = try Self.rows(directory)
      let row = try #require(rows.last { $0.stream == 1 && ($0.unpackedLength > 0) == isPacked })
      let value = length.map { "\($0)" } ?? "'text'"
      try PartialDamageTests.change(directory, "UPDATE runs SET unpacked_length = \(value) WHERE id = \(row.id)")
      let damage = try CheckTests.damage(directory.data)
      // A text is 0 for SQLite: a row that is not packed.
      #expect(damage.map(\.numbers) == (length == nil && !isPacked ? [] : [row.numbers]), "\(value)")
      #expect(try StoreReader(directory: directory.data).streams.map(\.head).max() == 121)
      try TestStore(Self.configuration(directory, clock), in: directory).close()
      _ = try RepairTests.repair(directory)
      #expect(try CheckTests.damage(directory.data) == [], "\(value)")
      let test = try TestStore(Self.configuration(directory, clock), in: directory)
      #expect(try test.readAll("web").texts == Self.texts(1...121), "\(value), \(isPacked)")
      #expect(try test.readAll("db").texts == Self.texts(1...30))
    }
  }

  @Test func `packed rows are found in pages that no tree leads to`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    try Self.make(directory, clock).close()
    var found: [Int64: [String]] = [:]
    for scan in PageScan.scans(directory.contents("data/segments/0000000001.db")) {
      scan.forEachRow([]) { row in
        let batches = (try? Batch.run(row.batches)) ?? []
        #expect(batches.count == Sender.count(in: row.producers))
        found[row.stream, default: []] += batches.flatMap(\.texts)
      }
    }
    #expect(found.values.map(\.count).sorted() == [30, 120])
    #expect(found.values.allSatisfy { Set($0) == Set(Self.texts(1...UInt64($0.count))) })
  }

  @Test func `a large row is packed in steps`() throws {
    let row = SegmentRow(
      stream: 1, numbers: 1...4_000, entryCount: 4_000, minTime: 1, maxTime: 1, severities: 1, received: 1,
      rawLength: 1, producers: Sender.encode((1...4_000).map { Sender(producer: .test(1), number: $0) }),
      batches: Self.numbered(1...4_000))
    var restCount = 0
    let pace = WorkPace { restCount += 1 }
    let packed = try #require(RowPacker().pack(row, pace: pace))
    let byteCount = row.producers.count + row.batches.count
    #expect(restCount >= byteCount / WorkPace.stepByteCount && byteCount > 4 * WorkPace.stepByteCount)
    let content = try RowUnpacker(nil).content(
      producers: ByteString(), batches: packed, unpackedLength: Int64(row.batches.count))
    #expect(content.producers == row.producers && content.batches == row.batches)
    // Small ones count together.
    restCount = 0
    for _ in 0..<9 { pace.note(WorkPace.stepByteCount / 3) }
    #expect((2...3).contains(restCount))
  }

  static func numbered(_ numbers: ClosedRange<UInt64>) -> ByteString {
    var writer = ByteWriter()
    for number in numbers {
      Batch.test("hello").appendNumbered(firstSequence: number, received: 1, span: 1, seed: 1, to: &writer)
    }
    return writer.finish()
  }

  @Test func `what is no packed row has no content, whatever it says`() throws {
    let row = SegmentRow(
      stream: 1, numbers: 1...40, entryCount: 40, minTime: 1, maxTime: 1, severities: 1, received: 1, rawLength: 1,
      producers: Sender.encode((1...40).map { Sender(producer: .test(1), number: $0) }),
      batches: Self.numbered(1...40))
    let packed = try #require(RowPacker().pack(row))
    let unpacker = RowUnpacker(nil)
    func content(_ bytes: ByteString, _ unpackedLength: Int64) throws -> RowUnpacker.Content {
      try unpacker.content(producers: ByteString(), batches: bytes, unpackedLength: unpackedLength)
    }
    let whole = try content(packed, Int64(row.batches.count))
    #expect(whole.batches == row.batches && whole.producers == row.producers)
    for length in [-1, .min, .max, Int64(row.batches.count + row.producers.count + 1)] {
      #expect(try content(packed, length).batches.isEmpty, "\(length)")
    }
    let bytes = packed.array
    for count in 0..<bytes.count { #expect(try content(ByteString(Array(bytes[..<count])), 100).batches.isEmpty) }
    for index in bytes.indices {
      var changed = bytes
      changed[index] ^= 0x20
      let found = try content(ByteString(changed), Int64(row.batches.count))
      #expect(found.batches.isEmpty || found.batches == row.batches, "\(index)")
    }
    for row in [packed, row.batches] {
      let salvaged = unpacker.salvagedContent(producers: ByteString(), batches: row, [])
      #expect(salvaged.batches == whole.batches)
    }
    // Senders that look like lengths of batches.
    let senders = (1...8).map { Sender(producer: .test(2), number: $0 == 7 ? 16 : $0 + 100) }
    var eight = row
    eight.producers = Sender.encode(senders)
    eight.batches = Self.numbered(1...8)
    let small = try #require(RowPacker().pack(eight))
    let salvaged = unpacker.salvagedContent(producers: ByteString(), batches: small, [])
    #expect(salvaged.producers == eight.producers && salvaged.batches == eight.batches)
    #expect(try content(ByteString(bytes + bytes), Int64(row.batches.count)).batches.isEmpty)
    // A frame that says it has 3 GiB.
    let bomb: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0xc0, 1, 0, 0]
    #expect(try content(ByteString(bomb), 100).batches.isEmpty)
  }
}
