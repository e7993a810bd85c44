import LogsClient
import LogsText
import Testing

@testable import LogsCLI

@Suite struct BenchTests {
  // MARK: Flags

  private func configuration(_ words: String...) throws -> BenchConfiguration {
    try BenchConfiguration(
      Arguments(words, options: BenchConfiguration.options + ConnectionOptions.all, help: "logs help bench"))
  }

  @Test func `omitted settings have the defaults in the help`() throws {
    let append = try configuration("append")
    #expect(append.producerCount == 1 && append.batchEntryCount == 1_000 && append.entryCount == 1_000_000)
    #expect(append.streamCount == 1 && append.repeatCount == 3 && append.format == .table && append.corpusPath == nil)
    let ack = try configuration("ack", "--connections", "64")
    #expect(ack.connectionCount == 64 && ack.streamCount == 1 && ack.seconds == 5)
    let tail = try configuration("tail")
    #expect(tail.rate == 1_000 && tail.followerCount == 1 && tail.batchEntryCount == 1)
    let read = try configuration("read")
    #expect(read.stream == nil && read.decoding == .entries)
  }

  @Test func `every flag is accepted`() throws {
    let ack = try configuration(
      "ack", "--connections", "8", "--streams", "3", "--seconds", "0.25", "--repeat", "1", "-o", "json")
    #expect(ack.connectionCount == 8 && ack.streamCount == 3 && ack.seconds == 0.25)
    #expect(ack.repeatCount == 1 && ack.format == .json)
    #expect(try configuration("ack", "--streams", "shared").streamCount == 1)
    let append = try configuration("append", "--producers", "3", "--streams", "7", "--batch", "2", "--entries", "14")
    #expect(append.producerCount == 3 && append.streamCount == 7)
    #expect(try configuration("append", "--producers", "3").streamCount == 3)
    let tail = try configuration("tail", "--rate", "10000", "--followers", "100", "--batch", "100", "--corpus", "f")
    #expect(tail.rate == 10_000 && tail.followerCount == 100 && tail.batchEntryCount == 100 && tail.corpusPath == "f")
    let read = try configuration("read", "--stream", "web", "--decode", "batches")
    #expect(read.stream?.text == "web" && read.decoding == .batches)
  }

  @Test(arguments: [
    [], ["search"], ["append", "ack"], ["append", "--rate", "5"], ["ack", "--entries", "5"], ["ack", "--streams", "2"],
    ["tail", "--seconds", "0"], ["tail", "--seconds", "x"], ["append", "--producers", "0"],
    ["append", "--batch", "65537"], ["append", "--producers", "3", "--streams", "2"],
    ["append", "--streams", "1001"],
    ["append", "--streams", "shared"], ["read", "--decode", "lines"], ["read", "--stream", "a b"],
    ["read", "--stream", "web", "--entries", "5"], ["corpus", "--repeat", "2"], ["append", "-o", "raw"],
  ])
  func `mistakes are refused before anything begins`(words: [String]) {
    #expect(throws: (any Error).self) {
      try BenchConfiguration(Arguments(words, options: BenchConfiguration.options, help: "logs help bench"))
    }
  }

  // MARK: Numbers

  @Test func `a percentile is never below the true one, and at most a 128th above it`() {
    var histogram = Histogram()
    var values: [UInt64] = []
    var value: UInt64 = 88_172_645_463_325_252
    for index in 0..<20_000 {
      // Xorshift; over all magnitudes.
      value ^= value << 13
      value ^= value >> 7
      value ^= value << 17
      values.append(value >> UInt64(index % 64))
      histogram.record(values[index])
    }
    values.sort()
    for share in [0.0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1] {
      let exact = values[max(0, Int((share * Double(values.count)).rounded(.up)) - 1)]
      let told = histogram.percentile(share)
      #expect(told >= exact && told - exact <= exact >> 7, "\(share): \(told) instead of \(exact)")
    }
    #expect(histogram.count == 20_000 && histogram.max == values.last)
  }

  @Test func `a histogram holds the smallest and the largest values, and none`() {
    var histogram = Histogram()
    #expect(histogram.percentile(0.5) == 0)
    histogram.record(0, count: 3)
    histogram.record(.max)
    #expect(histogram.percentile(0.75) == 0)
    #expect(histogram.percentile(0.76) == .max && histogram.max == .max)
  }

  @Test func `each number has its own median`() {
    func run(_ entriesPerSecond: Double, _ p99: Double) -> BenchRun {
      let usage = Usage(serverCPUSeconds: 0, serverResidentByteCount: 0, clientCPUSeconds: 0)
      var run = BenchRun(Meter(), RunOutcome(nanoseconds: 1), before: usage, after: usage)
      run.entriesPerSecond = entriesPerSecond
      run.p99 = p99
      return run
    }
    let odd = BenchRun(medianOf: [run(1, 30), run(3, 20), run(2, 10)])
    #expect(odd.entriesPerSecond == 2 && odd.p99 == 20)
    let even = BenchRun(medianOf: [run(4, 0), run(1, 0), run(2, 0), run(3, 0)])
    #expect(even.entriesPerSecond == 2.5)
  }

  // MARK: Pace

  private let pace = Pace(
    start: MonotonicTime(nanoseconds: 5_000), firstSequence: 11, batchEntryCount: 4, batchCount: 3, rate: 4_000_000)

  @Test func `whole batches are due at even intervals`() {
    #expect((0..<3).map { pace.due(batch: $0).nanoseconds } == [5_000, 6_000, 7_000])
    let times: [UInt64] = [4_999, 5_000, 5_999, 6_000, 7_000, 1_000_000]
    #expect(times.map { pace.dueCount(at: MonotonicTime(nanoseconds: $0)) } == [0, 4, 4, 8, 12, 12])
  }

  @Test func `received entries count for the batches that they belong to`() {
    func batches(_ range: ClosedRange<UInt64>) -> [[UInt64]] {
      var batches: [[UInt64]] = []
      pace.batches(in: range) { batches.append([$0, $1]) }
      return batches
    }
    #expect(batches(1...10).isEmpty && batches(23...30).isEmpty)
    #expect(batches(11...14) == [[0, 4]])
    #expect(batches(5...12) == [[0, 2]])
    #expect(batches(14...19) == [[0, 1], [1, 4], [2, 1]])
    #expect(batches(1...99) == [[0, 4], [1, 4], [2, 4]])
  }

  @Test func `followers' deliveries and the highest lag add up`() {
    let (board, meter) = (TailBoard(), Meter())
    _ = board.begin(pace, followerCount: 2, meter)
    board.received(9...12, at: MonotonicTime(nanoseconds: 5_100))
    board.received(11...14, at: MonotonicTime(nanoseconds: 6_200))
    board.received(13...22, at: MonotonicTime(nanoseconds: 9_000))
    let outcome = board.end()
    #expect(outcome?.nanoseconds == 4_000)
    #expect(outcome?.deliveries?.expected == 24 && outcome?.deliveries?.made == 16)
    #expect(outcome?.deliveries?.lagMax == 10)
    #expect(meter.entryCount == 16 && meter.latencies.max == 4_000)
  }

  // MARK: Lines

  @Test func `the built-in lines are the same everywhere`() {
    var generator = LineGenerator()
    let lines = (0..<1_000).map { _ in generator.next() }
    let text = lines.map(\.text).joined(separator: "\n")
    // FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/
    let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    #expect(text.utf8.count == 118_735 && hash == 0xfe14_f07a_2f8a_9179)
    #expect(Set(lines.map(\.text)).count > 990 && Set(lines.map(\.source)).count > 5)
  }

  @Test func `a reader repeats its lines and counts their bytes`() {
    var corpus = Corpus()
    for text in ["a", "bc", "def"] { corpus.append(ByteString(text), time: 7, severity: .info, source: "s") }
    var reader = CorpusReader(corpus, share: 0.4)
    var byteCount: UInt64 = 0
    #expect(reader.next(4, byteCount: &byteCount).map(\.text) == ["bc", "def", "a", "bc"])
    #expect(byteCount == 3 + 4 + 2 + 3)
    #expect(reader.next(1, byteCount: &byteCount).first?.source == "s")
  }
}
