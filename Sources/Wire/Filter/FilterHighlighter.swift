/// Finds what a filter searches for in messages, to show it: the places of words, phrases and regular expressions that
/// a message has to have or may have. What a filter says about fields and what it excludes has no place.
package final class FilterHighlighter {
  private let tests: [TextTest]
  private let matcher = RegexMatcher()

  /// Of one term in one message.
  private static let placeCountMax = 1_000

  /// nil when the filter has nothing that could be shown.
  package init?(_ filter: Filter) {
    var tests: [TextTest] = []
    Self.collect(filter.root, into: &tests)
    if tests.isEmpty { return nil }
    self.tests = tests
  }

  private static func collect(_ node: FilterNode, into tests: inout [TextTest]) {
    switch node {
    case .all, .not: break
    case .and(let nodes), .or(let nodes): for node in nodes { collect(node, into: &tests) }
    case .test(.message(let test)): tests.append(test)
    case .test: break
    }
  }

  /// The places in ascending order, none of which touches another.
  ///
  /// A term that ignores case is not found in a message that folding makes longer or shorter.
  package func ranges(in message: ByteString) -> [Range<Int>] {
    let text = PlainText(message)
    let span = unsafe text.bytes.span.bytes
    var folded: [UInt8]?
    var found: [Range<Int>] = []
    for test in tests {
      switch test {
      case .contains(let wanted), .word(let wanted):
        let isWord = if case .word = test { true } else { false }
        guard wanted.ignoresCase else {
          Self.find(wanted.bytes, in: span, isWord: isWord, into: &found)
          continue
        }
        let lower = folded ?? CaseFolding.folded(span)
        folded = lower
        guard lower.count == text.bytes.count else { continue }
        unsafe Self.find(wanted.bytes, in: lower.span.bytes, isWord: isWord, into: &found)
      case .regex(let regex): find(regex, in: span, into: &found)
      case .equals, .glob, .order, .exists: break
      }
    }
    return Self.joined(found).map(text.place)
  }

  private static func find(_ wanted: [UInt8], in span: RawSpan, isWord: Bool, into found: inout [Range<Int>]) {
    guard !wanted.isEmpty else { return }
    let end = span.byteCount
    var offset = 0
    for _ in 0..<placeCountMax {
      let place =
        isWord
        ? LiteralSearch.firstWord(wanted, in: span, from: offset, to: end, bounds: 0..<end)
        : LiteralSearch.first(wanted, in: span, from: offset, to: end)
      guard let place else { return }
      found.append(place..<place + wanted.count)
      offset = place + wanted.count
    }
  }

  private func find(_ regex: FilterRegex, in span: RawSpan, into found: inout [Range<Int>]) {
    var offset = 0
    for _ in 0..<Self.placeCountMax {
      guard let range = matcher.first(regex, in: span, from: offset) else { return }
      if !range.isEmpty { found.append(range) }
      offset = range.isEmpty ? range.upperBound + 1 : range.upperBound
      // A match begins where a character does.
      while offset < span.byteCount, unsafe span.unsafeLoad(fromByteOffset: offset, as: UInt8.self) & 0xc0 == 0x80 {
        offset += 1
      }
      guard offset <= span.byteCount else { return }
    }
  }

  private static func joined(_ ranges: [Range<Int>]) -> [Range<Int>] {
    var joined: [Range<Int>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = joined.last, range.lowerBound <= last.upperBound {
        joined[joined.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        joined.append(range)
      }
    }
    return joined
  }
}

/// A message as filters compare it, without SGR sequences, and where its bytes stand in what is stored.
private struct PlainText {
  private(set) var bytes: [UInt8] = []
  /// Nil if nothing was left out.
  private var places: [Int]?

  init(_ message: ByteString) {
    let span = message.span
    var pieces: [Range<Int>] = []
    TextColumn.forEachPieceWithoutColors(span, 0..<span.byteCount) { pieces.append($0) }
    bytes.reserveCapacity(span.byteCount)
    for piece in pieces { unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0[piece]) } }
    if bytes.count < span.byteCount { places = pieces.flatMap { $0 } }
  }

  func place(_ range: Range<Int>) -> Range<Int> {
    guard let places else { return range }
    return places[range.lowerBound]..<places[range.upperBound - 1] + 1
  }
}
