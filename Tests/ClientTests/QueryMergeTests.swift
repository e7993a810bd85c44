import LogsWire
import Testing

@testable import LogsClient

/// In which order entries of several streams come.
@Suite struct QueryMergeTests {
  /// Merges streams that are given by the times of their entries.
  private func merged(_ times: [[Int64]], isReverse: Bool = false) -> [(stream: Int, time: Int64)] {
    var merge = QueryMerge(streamCount: times.count, isReverse: isReverse)
    var given = Array(repeating: 0, count: times.count)
    var taken = given
    var result: [(Int, Int64)] = []
    while true {
      while let wanted = merge.wanted {
        #expect(given[wanted] == taken[wanted], "an entry of \(wanted) is known and not taken")
        if given[wanted] < times[wanted].count {
          merge.offer(times[wanted][given[wanted]])
          given[wanted] += 1
        } else {
          merge.end()
        }
      }
      guard let stream = merge.next() else { return result }
      result.append((stream, times[stream][taken[stream]]))
      taken[stream] += 1
    }
  }

  @Test func `the oldest of the next entries comes first, in reverse the newest`() {
    #expect(merged([[1, 4, 7], [2, 5], [3, 6, 8]]).map(\.time) == [1, 2, 3, 4, 5, 6, 7, 8])
    #expect(merged([[7, 4, 1], [5, 2], [8, 6, 3]], isReverse: true).map(\.time) == [8, 7, 6, 5, 4, 3, 2, 1])
  }

  @Test func `of several at the same time the first stream comes first`() {
    for isReverse in [false, true] {
      #expect(merged([[5, 5], [5], [5, 5]], isReverse: isReverse).map(\.stream) == [0, 0, 1, 2, 2])
    }
  }

  @Test func `a clock that stepped back changes no order inside of a stream, and hides nothing`() {
    // 2099 in the first stream holds up what is behind it there, and nothing else.
    #expect(merged([[1, 2099, 3, 4], [2, 5, 6]]).map(\.time) == [1, 2, 5, 6, 2099, 3, 4])
    #expect(merged([[10, 3, 11], [9, 12]]).map(\.time) == [9, 10, 3, 11, 12])
  }

  @Test func `streams without entries and no streams at all end at once`() {
    #expect(merged([[], [], []]).isEmpty)
    #expect(merged([]).isEmpty)
    #expect(merged([[], [1], []]).map(\.stream) == [1])
  }

  @Test func `streams are asked in their order, and later only the one whose entry was taken`() {
    var merge = QueryMerge(streamCount: 3, isReverse: false)
    for stream in 0..<3 {
      #expect(merge.wanted == stream)
      merge.offer(Int64(10 - stream))
    }
    #expect(merge.wanted == nil)
    #expect(merge.next() == 2)
    #expect(merge.wanted == 2)
    merge.end()
    #expect(merge.wanted == nil)
    #expect(merge.next() == 1)
  }

  @Test func `random streams come as a plain search for the least next entry finds them`() {
    let seed = testSeed()
    var random = SeededGenerator(seed: seed)
    for _ in 0..<300 {
      let isReverse = Bool.random(using: &random)
      let times = (0..<Int.random(in: 0...9, using: &random)).map { _ in
        (0..<Int.random(in: 0...12, using: &random)).map { _ in Int64.random(in: -5...5, using: &random) }
      }
      var rest = times.map { $0[...] }
      var expected: [Int] = []
      while true {
        let heads = rest.enumerated().compactMap { index, times in times.first.map { (time: $0, stream: index) } }
        let next = heads.min { left, right in
          left.time == right.time ? left.stream < right.stream : (left.time < right.time) != isReverse
        }
        guard let next else { break }
        rest[next.stream].removeFirst()
        expected.append(next.stream)
      }
      #expect(merged(times, isReverse: isReverse).map(\.stream) == expected, "seed \(seed)")
    }
  }
}

/// Which entries are shown together.
@Suite struct QueryGroupsTests {
  private func entry(_ sequence: UInt64) -> StreamEntry {
    var entry = LogEntry(message: "\(sequence)")
    entry.sequence = sequence
    return StreamEntry(stream: web, incarnation: .any, entry: entry)
  }

  /// The groups of matches with these numbers: what was found, and what is shown.
  private func groups(
    _ sequences: [UInt64], before: UInt64, after: UInt64, isReverse: Bool = false, limit: UInt64 = .max
  ) -> [String] {
    var groups = QueryGroups(before: before, after: after, isReverse: isReverse)
    var rest = sequences[...]
    var remaining = limit
    var texts: [String] = []
    while remaining > 0 {
      while groups.needsMatch { groups.take(rest.popFirst().map(entry)) }
      guard let group = groups.next(matchCountMax: remaining) else { break }
      remaining -= UInt64(group.matches.count)
      let found = group.matches.map { "\($0.entry.sequence)" }.joined(separator: ",")
      texts.append("\(found) in \(group.range.lowerBound)...\(group.range.upperBound)")
    }
    return texts
  }

  @Test func `what is near each other is one group`() {
    #expect(groups([10, 20], before: 2, after: 3) == ["10 in 8...13", "20 in 18...23"])
    // 13 is the last one after 10, and 14 the first one before 16.
    #expect(groups([10, 16], before: 2, after: 3) == ["10,16 in 8...19"])
    #expect(groups([10, 17], before: 2, after: 3) == ["10 in 8...13", "17 in 15...20"])
    #expect(groups([1, 2, 3], before: 5, after: 0) == ["1,2,3 in 1...3"])
    #expect(groups([], before: 1, after: 1).isEmpty)
  }

  @Test func `before and after go by number in reverse, too`() {
    #expect(groups([20, 10], before: 2, after: 3, isReverse: true) == ["20 in 18...23", "10 in 8...13"])
    #expect(groups([16, 10], before: 2, after: 3, isReverse: true) == ["16,10 in 8...19"])
    #expect(groups([17, 10], before: 2, after: 3, isReverse: true) == ["17 in 15...20", "10 in 8...13"])
  }

  @Test func `a limit cuts a group behind the last entry that it allows`() {
    #expect(groups([10, 12, 14], before: 1, after: 1, limit: 2) == ["10,12 in 9...13"])
    #expect(groups([10, 20, 30], before: 1, after: 1, limit: 2) == ["10 in 9...11", "20 in 19...21"])
  }

  @Test func `a long group is cut, and shows nothing twice`() {
    let numbers = Array(UInt64(1)...2_500)
    #expect(
      groups(numbers, before: 3, after: 3).map { $0.suffix(12) }
        == ["00 in 1...1000", " 1001...2000", " 2001...2503"].map { $0.suffix(12) })
    let reversed = groups(numbers.reversed(), before: 3, after: 3, isReverse: true)
    #expect(reversed.map { $0.split(separator: " ").last ?? "" } == ["1501...2503", "501...1500", "1...500"])
  }

  @Test func `a stream goes on while its entries come before those of the others`() {
    for isReverse in [false, true] {
      var merge = QueryMerge(streamCount: 3, isReverse: isReverse)
      for time in [isReverse ? 9 : 1, 5, 5] as [Int64] { merge.offer(time) }
      #expect(merge.next() == 0)
      #expect(merge.continues(0, at: isReverse ? 6 : 4) && merge.continues(0, at: 5))
      #expect(!merge.continues(0, at: isReverse ? 4 : 6))
      merge.end()
      #expect(merge.next() == 1)
      #expect(!merge.continues(1, at: isReverse ? 4 : 6) && merge.continues(1, at: 5))
      merge.end()
      #expect(merge.next() == 2 && merge.continues(2, at: isReverse ? 0 : .max))
    }
  }
}
