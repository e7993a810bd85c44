import Testing

@testable import LogsSimulation
@testable import LogsWire

/// Filters that nobody writes: each is read, or refused at a place in it.
@Suite struct FilterFuzzTests {
  private static let fragments = [
    " ", " ", " ", "\n", "(", ")", "(", ")", "-", "NOT ", "AND", "OR", " AND ", " OR ", "a", "A", "word", "ä", "İ", "𝒳",
    "\"", "\"", "\\", "\\\"", "\"b c\"", "/", "/x/", "/x/i", "/a|b/", "/[/", "/(?=x)y/", "=", ":", "==", "!=", ">", "<",
    ">=", "<=", "~", "!~", "level", "level:", "source:", "message:", "kind:", "stream:", "seq:", "time:", "status",
    "a.b",
    "warn", "info", "error", "log", "status", "docker/*", "1", "24", "100", "-5", "1.5", "1e5", "1.5s", "..", ".", ",",
    "*", "**", "2026-11-28T10:00:00Z", "2026-11-28T10:00+01:00", "9223372036854775807", "99999999999999999999", "now",
    "!", "|", "&&", "{", "}", "'", "`", "://", "::", ":\\", "\u{0}", "\r", "\u{301}", "\u{202e}", "$", "@", "_",
  ]

  private static let times = FilterTimes(remedy: "write now") { $0 == "now" ? 1_764_324_000_000_000_000 : nil }

  @Test(arguments: TestSeeds.first(20)) func `random filters are read, or refused at a place in them`(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var readCount = 0
    for _ in 0..<2_000 {
      var text = ""
      for _ in 0..<Int.random(in: 0...16, using: &random) {
        text += Self.fragments.randomElement(using: &random) ?? ""
      }
      if Self.isRead(text, seed) { readCount += 1 }
    }
    #expect(readCount > 50, TestSeeds.replay(seed, "FilterFuzzTests"))
  }

  @Test(arguments: TestSeeds.first(20)) func `changed filters are read, or refused at a place in them`(
    _ seed: UInt64
  ) {
    var random = SeededGenerator(seed: seed)
    let corpus = FilterVector.all.map(\.filter).filter { $0.utf8.count < 200 }
    var readCount = 0
    for _ in 0..<2_000 {
      var scalars = Array((corpus.randomElement(using: &random) ?? "").unicodeScalars)
      for _ in 0..<Int.random(in: 1...4, using: &random) { Self.change(&scalars, corpus, &random) }
      if Self.isRead(FilterParser.text(scalars), seed) { readCount += 1 }
    }
    #expect(readCount > 100, TestSeeds.replay(seed, "FilterFuzzTests"))
  }

  @Test(arguments: TestSeeds.first(4)) func `deep and long filters are read, or refused at a place in them`(
    _ seed: UInt64
  ) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<100 {
      let piece = Self.fragments.randomElement(using: &random) ?? ""
      let other = Self.fragments.randomElement(using: &random) ?? ""
      let count = Int.random(in: 1...9_000, using: &random)
      _ = Self.isRead(String(repeating: piece, count: count) + other, seed)
      _ = Self.isRead(String(repeating: piece + other, count: count / 2), seed)
    }
  }

  @Test(arguments: FilterVector.all.filter { $0.filter.utf8.count < 200 })
  func `every prefix of a vector is read, or refused at a place in it`(_ vector: FilterVector) {
    let scalars = Array(vector.filter.unicodeScalars)
    for end in 0...scalars.count { _ = Self.isRead(FilterParser.text(scalars[..<end]), 0) }
  }

  private static func change(
    _ scalars: inout [Unicode.Scalar], _ corpus: [String], _ random: inout SeededGenerator
  ) {
    let place = Int.random(in: 0...scalars.count, using: &random)
    switch Int.random(in: 0..<5, using: &random) {
    case 0 where place < scalars.count: scalars.remove(at: place)
    case 1 where place < scalars.count:
      scalars.insert(scalars[place], at: Int.random(in: 0...scalars.count, using: &random))
    case 2: scalars.removeSubrange(place..<min(place + 3, scalars.count))
    case 3:
      let other = Array((corpus.randomElement(using: &random) ?? "").unicodeScalars)
      scalars.insert(contentsOf: other, at: place)
    default: scalars.insert(contentsOf: (fragments.randomElement(using: &random) ?? "").unicodeScalars, at: place)
    }
  }

  /// Reads a filter, and checks what is true of every one that can be read and of every error.
  private static func isRead(_ text: String, _ seed: UInt64) -> Bool {
    let replay = TestSeeds.replay(seed, "FilterFuzzTests")
    do {
      let filter = try Filter(text, times: times)
      do {
        let again = try Filter(filter.text)
        #expect(again == filter, "\(text.debugDescription) \(replay)")
        #expect(again.text == filter.text, "\(text.debugDescription) \(replay)")
      } catch { Issue.record("\(text.debugDescription) becomes \(filter.text.debugDescription): \(error) \(replay)") }
      return true
    } catch {
      let columns = 1...text.unicodeScalars.count + 1
      if !columns.contains(error.column) || !error.reason.unicodeScalars.allSatisfy({ PrintableText.isHarmless($0) }) {
        Issue.record("\(text.debugDescription): \(error) \(replay)")
      }
      return false
    }
  }
}
