import LogsClient
import Testing

/// A stream of which ranges are deleted, as it has to be.
struct ThinnedStream {
  private(set) var lines: [[UInt8]] = []
  private var isDeleted: [Bool] = []

  var keptCount: Int { isDeleted.count { !$0 } }

  /// More lines, to be pushed.
  mutating func add(_ count: Int, _ random: inout Seeded) -> [[UInt8]] {
    let more = (1...count).map { Array("line \(lines.count + $0) ".utf8) + random.letters(300) }
    lines += more
    isDeleted += more.map { _ in false }
    return more
  }

  /// Takes note of a deletion.
  mutating func apply(_ note: AuditNote) throws {
    guard note.numbers.upperBound <= lines.count + 1 else { throw Failure("there is nothing there: \(note)") }
    let gone = note.numbers.filter { !isDeleted[$0 - 1] }
    for number in gone { isDeleted[number - 1] = true }
    guard gone.count == note.entryCount, gone.first == note.numbers.first, gone.last == note.numbers.last else {
      throw Failure("\(gone.count) entries were there of those that are said to have been deleted: \(note)")
    }
  }

  /// Each number is there with its line, or deleted.
  func check(_ pages: [ReadPage]) throws {
    let entries = pages.flatMap(\.entries).map(\.entry)
    let skipped = pages.flatMap(\.skipped)
    let deleted = lines.indices.filter { isDeleted[$0] }.map { $0 + 1 }
    let kept = lines.indices.filter { !isDeleted[$0] }.map { $0 + 1 }
    guard skipped.allSatisfy({ $0.reason == .deleted }),
      skipped.flatMap({ Int($0.range.lowerBound)...Int($0.range.upperBound) }) == deleted
    else { throw Failure("skipped are \(skipped), deleted \(Self.ranges(deleted))") }
    guard entries.map({ Int($0.sequence) }) == kept else {
      throw Failure("there are \(Self.ranges(entries.map { Int($0.sequence) })), instead of \(Self.ranges(kept))")
    }
    for (entry, number) in zip(entries, kept) where Array(entry.text.utf8) != lines[number - 1] {
      throw Failure("number \(number) has the text \(entry.text)")
    }
  }

  /// Whether the follower has got or skipped the last number.
  func hasEnd(_ follow: ChildProcess) -> Bool {
    let output = follow.output.bytes
    let end = String(decoding: output.suffix(1_000), as: UTF8.self)
    guard
      end.matches(of: /line (\d+)\s/).last?.1 == "\(lines.count)"
        || Self.skipped(follow).last?.upperBound == lines.count
    else { return false }
    // What was written to the other output before it may not be there yet.
    let skippedCount = Self.skipped(follow).reduce(0) { $0 + $1.count }
    return output.count { $0 == UInt8(ascii: "\n") } + skippedCount == lines.count
  }

  /// A follower got each number, or that it was deleted.
  func check(_ follow: ChildProcess) throws {
    let got = follow.output.lines.map { $0.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0 }
    let skipped = Self.skipped(follow).flatMap { Array($0) }
    guard (got + skipped).sorted() == Array(1...lines.count) else {
      throw Failure("a follower got \(Self.ranges(got)), and skipped \(Self.ranges(skipped))")
    }
    expectSame(follow.output.bytes, LogLines.file(got.map { lines[$0 - 1] }), "\(follow.errors.text)")
    guard skipped.allSatisfy({ isDeleted[$0 - 1] }) else {
      throw Failure("not all of \(Self.ranges(skipped)) was deleted")
    }
  }

  private static func skipped(_ follow: ChildProcess) -> [ClosedRange<Int>] {
    follow.errors.text.matches(of: /(?:entry|entries) deleted, sequence numbers (\d+) to (\d+)/).compactMap { match in
      guard let first = Int(match.1), let last = Int(match.2) else { return nil }
      return first...last
    }
  }

  /// Numbers for a message.
  private static func ranges(_ numbers: [Int]) -> [ClosedRange<Int>] {
    numbers.reduce(into: []) { ranges, number in
      if let last = ranges.last, last.upperBound + 1 == number {
        ranges[ranges.count - 1] = last.lowerBound...number
      } else {
        ranges.append(number...number)
      }
    }
  }
}

/// A stream that is deleted as a whole and pushed to again, as it has to be: an end of all its lines.
struct RenewedStream {
  private var lines: [[UInt8]] = []
  /// The lines before the stream's first entry.
  private var goneCount = 0
  /// Lines that were acknowledged before any of the deletions that `apply` has been told of since the last check.
  private var acknowledgedCount = 0
  /// Those that have gone with these deletions at most. A batch whose acknowledgement was lost is stored again.
  private var goneCountMax = 0
  private var incarnation: String?
  private var deleted: Set<String> = []
  private var isDeleted = false

  /// More lines, to be pushed.
  mutating func add(_ count: Int, _ random: inout Seeded) -> [[UInt8]] {
    acknowledgedCount = lines.count
    goneCountMax = goneCount
    isDeleted = false
    let more = (1...count).map { Array("line \(lines.count + $0) ".utf8) + random.letters(300) }
    lines += more
    return more
  }

  /// Takes note of a deletion.
  mutating func apply(_ note: AuditNote) throws {
    guard deleted.insert(note.incarnation).inserted else { throw Failure("deleted twice: \(note)") }
    guard note.numbers.isEmpty || note.numbers == 1..<note.entryCount + 1, note.numbers.count == note.entryCount else {
      throw Failure("its numbers are not all from 1 on: \(note)")
    }
    goneCountMax += note.entryCount
    isDeleted = true
  }

  mutating func check(_ pages: [ReadPage]) throws {
    let entries = pages.flatMap(\.entries)
    guard pages.allSatisfy(\.skipped.isEmpty) else { throw Failure("skipped: \(pages.flatMap(\.skipped))") }
    guard entries.map({ Int($0.entry.sequence) }) == Array(1..<entries.count + 1) else {
      throw Failure("the numbers are \(entries.map(\.entry.sequence))")
    }
    guard entries.map({ Array($0.entry.text.utf8) }) == Array(lines.suffix(entries.count)) else {
      throw Failure("the lines are \(entries.map { $0.entry.text.prefix(10) }), of \(lines.count)")
    }
    let names = Set(entries.map(\.incarnation.description))
    guard names.count < 2, names.isDisjoint(with: deleted),
      isDeleted || incarnation == nil || names.first == incarnation
    else { throw Failure("its incarnations are \(names), before \(incarnation ?? "none"), deleted \(deleted)") }
    incarnation = names.first
    let count = lines.count - entries.count
    guard isDeleted ? count >= acknowledgedCount && count <= goneCountMax : count == goneCount else {
      throw Failure(
        """
        \(count) of \(lines.count) lines are gone: \(goneCount) before, \(acknowledgedCount) acknowledged before, at \
        most \(goneCountMax)
        """)
    }
    goneCount = count
  }
}
