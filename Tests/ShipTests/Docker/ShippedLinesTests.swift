import LogsWire
import Testing

@testable import LogsShip
@testable import LogsSimulation

/// What an engine sends again is recognized, whatever was shipped and whenever it was interrupted.
struct ShippedLinesTests {
  private typealias Line = ShippedLines.Line

  /// A container's log as an engine stores it, and a reader that is killed at any time.
  private struct Model {
    struct Stored: Equatable {
      var isError: Bool
      var line: ShippedLines.Line
    }

    var stored: [Stored] = []
    /// What was rotated away.
    var first = 0
    var shipped: [Stored] = []
    var bookmark = DockerBookmark(stream: "docker/x")
    var largest = 0
    var resentCount = 0

    /// Reads up to `count` lines of what the engine sends from the bookmark on, and is killed.
    mutating func run(_ count: Int) throws {
      var (output, errors) = (RepeatedLines(bookmark.output), RepeatedLines(bookmark.errors))
      var left = count
      let since = bookmark.since ?? .min
      for entry in stored[first...] where entry.line.time >= since {
        guard left > 0 else { break }
        left -= 1
        let isKnown = entry.isError ? errors.isShipped(entry.line) : output.isShipped(entry.line)
        if isKnown {
          resentCount += 1
          continue
        }
        shipped.append(entry)
        if entry.isError { bookmark.errors.add(entry.line) } else { bookmark.output.add(entry.line) }
        if entry.line.hash % 7 == 0 { bookmark.prune() }
      }
      bookmark.prune()
      let bytes = bookmark.encoded()
      largest = max(largest, bytes.count)
      bookmark = try #require(DockerBookmark(bytes))
    }

    var isWhole: Bool {
      shipped.filter(\.isError) == stored.filter(\.isError)
        && shipped.filter { !$0.isError } == stored.filter { !$0.isError }
    }
  }

  /// - Parameter unit: what times are multiples of.
  private static func makeLog(
    _ count: Int, unit: Int64, gap: Int64, _ random: inout SeededGenerator
  ) -> [Model.Stored] {
    var now: Int64 = 1_700_000_000_000_000_000
    var last: [Bool: Int64] = [:]
    return (0..<count).map { _ in
      now += Int64.random(in: 0...gap, using: &random)
      if random.chance(200) { now += Int64.random(in: 0...10_000_000_000, using: &random) }
      let isError = random.chance(4)
      // Streams are out of order by up to 2 ms, each by itself is not.
      let written = now - Int64.random(in: 0...2_000_000, using: &random)
      let time = max(last[isError] ?? 0, written / unit * unit)
      last[isError] = time
      return Model.Stored(
        isError: isError, line: Line(time: time, hash: UInt64.random(in: 0..<5, using: &random)))
    }
  }

  @Test(arguments: 1...30 as ClosedRange<UInt64>, [1, 1_000_000_000] as [Int64])
  func `kills at random lose and repeat nothing`(_ seed: UInt64, _ unit: Int64) throws {
    var random = SeededGenerator(seed: seed)
    var model = Model()
    let gap: Int64 = [20_000, 1_000_000, 100_000_000][Int(seed % 3)]
    model.stored = Self.makeLog(6_000, unit: unit, gap: gap, &random)
    var runCount = 0
    while model.shipped.count < model.stored.count, runCount < 1_000 {
      runCount += 1
      try model.run(Int.random(in: 0...9_000, using: &random))
      // What was shipped may be rotated away, unless lines differ only by their number (see `ShippedLines`).
      if unit == 1, random.chance(2) {
        model.first = max(model.first, Int.random(in: 0...model.shipped.count, using: &random))
      }
    }
    #expect(model.isWhole, "seed \(seed): \(model.shipped.count) of \(model.stored.count) lines")
    #expect(model.largest <= 40_000, "seed \(seed)")
  }

  @Test func `lines of one moment are counted`() throws {
    var model = Model()
    model.stored = (0..<5_000).map { _ in Model.Stored(isError: false, line: Line(time: 5_000_000_000, hash: 1)) }
    for _ in 0..<20 where model.shipped.count < 5_000 { try model.run(model.shipped.count + 1_000) }
    #expect(model.isWhole)
  }

  @Test func `a clock set back within the window loses and repeats nothing`() throws {
    var model = Model()
    model.stored = (0..<1_000).map { number in
      let time = Int64(100_000_000_000 + number * 10_000_000 - (number > 500 ? 1_500_000_000 : 0))
      return Model.Stored(isError: false, line: Line(time: time, hash: UInt64(number)))
    }
    while model.shipped.count < 1_000 { try model.run(model.shipped.count + 100) }
    #expect(model.isWhole)
  }

  @Test func `a clock set back by hours loses nothing that was read live`() throws {
    var model = Model()
    model.stored = (0..<100).map { number in
      let time = Int64(100_000_000_000_000 + number * 10_000_000 - (number > 50 ? 7_200_000_000_000 : 0))
      return Model.Stored(isError: false, line: Line(time: time, hash: UInt64(number)))
    }
    try model.run(60)
    try model.run(1_000)
    let shipped = Set(model.shipped.map(\.line))
    #expect(model.stored.allSatisfy { shipped.contains($0.line) })
  }

  @Test func `a quiet stream does not make the engine send everything again`() throws {
    var model = Model()
    model.stored = [Model.Stored(isError: true, line: Line(time: 1_000_000_000, hash: 1))]
    model.stored += (0..<10_000).map { number in
      Model.Stored(isError: false, line: Line(time: Int64(number) * 1_000_000_000, hash: 2))
    }
    try model.run(20_000)
    try model.run(20_000)
    #expect(model.isWhole)
    #expect(model.resentCount < 100)
  }

  @Test func `what is no bookmark is none`() {
    let bytes = DockerBookmark(stream: "docker/x").encoded()
    #expect(DockerBookmark(bytes) == DockerBookmark(stream: "docker/x"))
    for count in 0..<bytes.count { #expect(DockerBookmark(bytes[0..<count]) == nil) }
    #expect(DockerBookmark("something else") == nil)
  }
}
