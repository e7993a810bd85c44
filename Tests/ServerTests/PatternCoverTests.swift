import LogsWire
import Testing

@testable import LogsServer

/// Which patterns of retention leave nothing to others.
@Suite struct PatternCoverTests {
  @Test(arguments: [
    ("**", "web", true), ("**", "a/*", true), ("**", "**", true), ("**", "$audit", false), ("$*", "$audit", true),
    ("$**", "$logsd", true), ("*", "web", true), ("*", "a/b", false), ("*", "**", false), ("*", "?*", true),
    ("a/*", "a/b", true), ("a/*", "a/b/c", false), ("a/*", "a/b*", true), ("a/*", "b/*", false),
    ("a/**", "a/*/c", true),
    ("a*c", "abc", true), ("a*c", "a*b*c", true), ("a*c", "ab", false), ("a?", "ab", true), ("a?b", "a/b", false),
    ("a?", "a*", false), ("web", "web", true), ("web", "we?", false), ("***", "a/b", true), ("*a*", "bab", true),
    ("*a*", "bb", false), ("docker/**", "docker/a/*", true), ("a**b", "a*b", true), ("a*b", "a**b", false),
  ])
  func `a pattern covers another or not`(one: String, other: String, isCovered: Bool) throws {
    #expect(try StreamPattern(one).covers(StreamPattern(other)) == isCovered)
  }

  @Test func `what is covered matches nothing more`() throws {
    func words(_ alphabet: [String]) -> [String] {
      let two = alphabet.flatMap { first in alphabet.map { first + $0 } }
      return alphabet + two + two.flatMap { first in alphabet.map { first + $0 } }
    }
    let patterns = words(["a", "/", "*", "?"]).compactMap { try? StreamPattern($0) }
    let names = words(["a", "b", "/"]).compactMap { try? StreamName($0) }
    let matches = patterns.map { pattern in names.map(pattern.matches) }
    var coveredCount = 0
    for (left, own) in zip(patterns, matches) {
      for (right, others) in zip(patterns, matches) where left.covers(right) {
        coveredCount += 1
        let isMore = zip(own, others).contains { !$0 && $1 }
        #expect(!isMore, "\(left) and \(right)")
      }
    }
    #expect(coveredCount > patterns.count)
  }
}
