internal import CPCRE2
internal import Synchronization

/// A regular expression for lines that are not entries yet: which begin a group, are dropped, or have parts that
/// nobody may read.
package struct LineExpression: Hashable, Sendable {
  /// What is wrong with a pattern or with what is to replace its matches.
  package struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
  }

  /// What there is to say of a line.
  package enum Answer: Hashable, Sendable {
    case yes
    case no
    /// To know it takes more than the limits allow.
    case undecided
  }

  /// A part of what replaces a match.
  enum Piece: Hashable, Sendable {
    case text(ByteString)
    case group(Int)
  }

  let regex: FilterRegex

  /// - Throws: a problem that says where the pattern is wrong.
  package init(_ pattern: String) throws(Problem) {
    guard !pattern.isEmpty else { throw Problem(description: "an empty expression matches every line") }
    do throws(RegexError) {
      regex = try FilterRegex(pattern, ignoresCase: false)
    } catch {
      throw Problem(description: "'\(pattern)' is wrong at byte \(error.offset): \(error.reason)")
    }
  }

  package var pattern: String { regex.pattern }

  package func matches(_ line: RawSpan, _ matcher: LineMatcher) -> Answer { matcher.matches(regex, line) }
}

/// What takes the place of matches: text in which `$1` to `$9` are groups of the expression, `$0` is the match, and
/// `$$` a dollar sign.
package struct LineMask: Hashable, Sendable {
  package enum Answer: Hashable, Sendable {
    case unchanged
    case masked(ByteString)
    /// To know what is to be masked takes more than the limits allow.
    case undecided
  }

  package let expression: LineExpression
  package let replacement: String
  let pieces: [LineExpression.Piece]

  /// - Throws: a problem if the replacement names a group that the expression does not have.
  package init(_ expression: LineExpression, replacement: String) throws(LineExpression.Problem) {
    self.expression = expression
    self.replacement = replacement
    pieces = try Self.pieces(of: replacement, groupCount: expression.regex.code.groupCount)
  }

  private static func pieces(
    of replacement: String, groupCount: Int
  ) throws(LineExpression.Problem) -> [LineExpression.Piece] {
    var pieces: [LineExpression.Piece] = []
    var text: [UInt8] = []
    var rest = Array(replacement.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "$"), let next = rest.first else {
        text.append(byte)
        continue
      }
      if next == UInt8(ascii: "$") {
        text.append(next)
        rest.removeFirst()
      } else if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) {
        let number = Int(next - UInt8(ascii: "0"))
        guard number <= groupCount else {
          throw LineExpression.Problem(
            description: "'\(replacement)' names group $\(number), and the expression has \(groupCount)")
        }
        if !text.isEmpty { pieces.append(.text(ByteString(text))) }
        text = []
        pieces.append(.group(number))
        rest.removeFirst()
      } else {
        text.append(byte)
      }
    }
    if !text.isEmpty { pieces.append(.text(ByteString(text))) }
    return pieces
  }

  /// The line with every match replaced; matches of nothing do not count.
  package func mask(_ line: RawSpan, _ matcher: LineMatcher) -> Answer { matcher.mask(self, line) }
}

/// The memory that matches of lines share.
package final class LineMatcher: Sendable {
  private let matching = Mutex(Matching())

  package init() {}

  func matches(_ regex: FilterRegex, _ line: RawSpan) -> LineExpression.Answer {
    guard regex.mayMatch(line) else { return .no }
    let isUTF8 = CaseFolding.isUTF8(line)
    return matching.withLock { matching in
      switch matching.first(regex, in: line, from: 0, isUTF8: isUTF8, mayBeEmpty: true) {
      case .match: .yes
      case .none: .no
      case .undecided: .undecided
      }
    }
  }

  func mask(_ mask: LineMask, _ line: RawSpan) -> LineMask.Answer {
    let regex = mask.expression.regex
    guard regex.mayMatch(line) else { return .unchanged }
    let isUTF8 = CaseFolding.isUTF8(line)
    return matching.withLock { matching in
      var masked: ByteWriter? = nil
      var offset = 0
      var count = 0
      while true {
        let groups: [Range<Int>?]
        switch matching.first(regex, in: line, from: offset, isUTF8: isUTF8, mayBeEmpty: false) {
        case .undecided: return .undecided
        case .none:
          guard var writer = masked.take() else { return .unchanged }
          writer.append(line.extracting(offset..<line.byteCount))
          return .masked(writer.finish())
        case .match(let found): groups = found
        }
        count += 1
        // With \K in a lookaround a match may begin behind its end, or before the last one's.
        guard count <= Limits.lineMaskCountMax, let whole = groups.first ?? nil, whole.lowerBound >= offset,
          !whole.isEmpty
        else { return .undecided }
        var writer = masked.take() ?? ByteWriter(capacity: line.byteCount + 64)
        writer.append(line.extracting(offset..<whole.lowerBound))
        for piece in mask.pieces {
          switch piece {
          case .text(let text): writer.append(text)
          case .group(let number):
            if groups.indices.contains(number), let group = groups[number] { writer.append(line.extracting(group)) }
          }
          guard writer.count <= Limits.messageByteCountMax else { return .undecided }
        }
        masked = consume writer
        offset = whole.upperBound
      }
    }
  }
}

extension FilterRegex {
  /// Whether the text that every match needs is there.
  fileprivate func mayMatch(_ text: RawSpan) -> Bool {
    guard let required, !required.ignoresCase else { return true }
    return LiteralSearch.first(required.bytes, in: text, from: 0, to: text.byteCount) != nil
  }
}

/// Matches in lines, with their limits.
///
/// Invariant behind `@unchecked Sendable`: it is used under the lock of its `LineMatcher` only.
private struct Matching: ~Copyable, @unchecked Sendable {
  enum Found {
    /// The match and its groups, of which some may be unset.
    case match([Range<Int>?])
    case none
    case undecided
  }

  /// The match, and the groups that a replacement can name.
  private static let pairCount = 10

  private let matcher = RegexMatcher(matchMax: Limits.lineMatchMax, pairCount: Self.pairCount)

  /// The first match in `text` from `offset` on.
  borrowing func first(
    _ regex: FilterRegex, in text: RawSpan, from offset: Int, isUTF8: Bool, mayBeEmpty: Bool
  ) -> Found {
    let result = matcher.match(regex, text, from: offset, isUTF8: isUTF8, mayBeEmpty: mayBeEmpty)
    if result == PCRE2_ERROR_NOMATCH { return .none }
    guard result >= 0 else { return .undecided }
    // There may be more groups than pairs.
    return .match((0..<(result == 0 ? Self.pairCount : Int(result))).map { matcher.range($0) })
  }
}
