import LogsWire
import Testing

@testable import LogsSimulation
@testable import LogsStore

/// Reading with a filter that does not decide about every entry: a regular expression takes too long on some.
@Suite struct UndecidedReadTests {
  private static let costly = String(repeating: "a", count: 64) + "!"

  private struct Answer: Hashable {
    var passing: Set<UInt64> = []
    var undecided: Set<UInt64> = []
    var filtered: Set<UInt64> = []
  }

  private static func answer(_ test: TestStore, _ filter: Filter, isReverse: Bool, countMax: UInt64?) throws -> Answer {
    var answer = Answer()
    var decoder = BatchDecoder()
    let shared = SharedFilter(filter)
    let info = try #require(test.info("s"))
    var (from, to): (UInt64, UInt64) = (1, info.head)
    while from <= to {
      var request = ReadRequest(stream: info.id, from: from, to: to, isReverse: isReverse, filter: shared)
      request.countMax = countMax
      let result = try test.read(request).get()
      // What is covered is a part of what was asked for, without a hole.
      var next = isReverse ? to : from
      for piece in result.pieces {
        let numbers: ClosedRange<UInt64>
        switch piece {
        case .skip(let skipped, let reason):
          numbers = skipped
          #expect(reason == .undecided || reason == .filtered)
          if reason == .undecided { answer.undecided.formUnion(skipped) } else { answer.filtered.formUnion(skipped) }
        case .batches(let run):
          numbers = run.numbers
          var found: [UInt64] = []
          for batch in try Batch.run(run.batches) { found += try decoder.sequences(of: batch) }
          found = found.filter { numbers.contains($0) }
          if let countMax { #expect(found.count <= countMax) }
          answer.passing.formUnion(found)
          answer.filtered.formUnion(Set(numbers).subtracting(found))
        }
        #expect(isReverse ? numbers.upperBound == next : numbers.lowerBound == next)
        next = isReverse ? numbers.lowerBound - 1 : numbers.upperBound + 1
      }
      #expect(next == result.next)
      if isReverse { to = result.next } else { from = result.next }
    }
    return answer
  }

  @Test(arguments: 1...4 as ClosedRange<UInt64>) func `an entry is undecided alone, in both directions`(_ seed: UInt64)
    throws
  {
    var random = SeededGenerator(seed: seed)
    let directory = TestDirectory()
    let test = try TestStore(TestStore.configuration(directory))
    defer { test.close() }
    var texts: [String] = []
    for number: UInt64 in 1...5 {
      // Of few texts, so that some batches have a dictionary of them.
      let count = Int.random(in: 1...30, using: &random)
      let some = (0..<count).map { _ in
        switch Int.random(in: 0..<10, using: &random) {
        case 0: Self.costly
        case 1...4: "ends with a"
        default: "ends with b"
        }
      }
      test.append("s", .test(some), producer: 1, number: number)
      texts += some
    }
    let numbers = Set(1...UInt64(texts.count))
    func those(_ text: String) -> Set<UInt64> { numbers.filter { texts[Int($0) - 1] == text } }
    let undecided = those(Self.costly)
    for (filter, passing) in [
      ("/(a|aa)+$/", those("ends with a")), ("-/(a|aa)+$/", those("ends with b")),
      ("/(a|aa)+$/ OR =b", those("ends with a").union(those("ends with b"))), ("/(a|aa)+$/ =b", []),
    ] {
      let rest = filter.hasSuffix("=b") && !filter.contains("OR") ? [] : undecided
      let expected = Answer(
        passing: passing, undecided: rest, filtered: numbers.subtracting(passing).subtracting(rest))
      for isReverse in [false, true] {
        for countMax: UInt64? in [nil, 1, 3] {
          let answer = try Self.answer(test, Filter(filter), isReverse: isReverse, countMax: countMax)
          #expect(
            answer == expected, "\(filter) \(isReverse) seed \(seed)")
        }
      }
    }
    let info = try #require(test.info("s"))
    var counting = ReadRequest(
      stream: info.id, from: 1, to: info.head, filter: SharedFilter(try Filter("/(a|aa)+$/")))
    counting.tally = .count
    if let first = undecided.min() {
      do {
        _ = try test.read(counting).get()
        Issue.record("counted what is not known")
      } catch {
        #expect(error.code == .filterTooCostly && error.message.contains("entry \(first) of stream 's'"), "\(error)")
      }
    }
  }
}
