internal import LogsWire

/// A page of a section's dictionary: tokens in the order of their bytes, and the blocks that have each
/// (`spec/storage.md`, 3.7 and 3.8).
struct TokenPage: Hashable {
  var tokenCount = 0
  /// What each token shares with the one before, a byte each; how long the rest is, a byte each; then the rests.
  var tokens = ByteString()
  /// How many blocks each token has, 0 if it is *common*, as varints. Of those with blocks: the first one's lower byte,
  /// the first one's upper byte, then what each other block is above the one before, less one, as varints.
  var places = ByteString()

  /// What tokens of a page may take, with a byte for each.
  static let byteCountMax = 16 << 10

  static let separator = UInt8(ascii: "\n")

  /// What is looked for in tokens.
  struct Pattern: Hashable {
    /// In lower case.
    var bytes: [UInt8]
    /// Whether a token may begin before it, and go on behind it.
    var isOpenBefore: Bool
    var isOpenBehind: Bool

    /// As it stands in a page's text.
    var needle: [UInt8] {
      (isOpenBefore ? [] : [separator]) + bytes + (isOpenBehind ? [] : [separator])
    }
  }

  /// The tokens between line feeds: one before the first, one behind each. Nil if the page is damaged.
  static func text(_ tokens: ByteString, tokenCount: Int) -> ByteString? {
    guard tokenCount >= 0, tokens.count >= 2 * tokenCount else { return nil }
    return unsafe tokens.withUnsafeBytes { bytes in
      var byteCount = 1
      for index in 0..<tokenCount {
        byteCount += Int(unsafe bytes[index]) + Int(unsafe bytes[tokenCount + index]) + 1
      }
      var text = ByteWriter(capacity: byteCount + copySlack)
      let isSound = unsafe text.append(upTo: byteCount + copySlack) { room in
        unsafe room[0] = separator
        // Where the last token begins, the next one goes, and its rest comes from.
        var (last, place, rest) = (1, 1, 2 * tokenCount)
        for index in 0..<tokenCount {
          let (shared, length) = (Int(unsafe bytes[index]), Int(unsafe bytes[tokenCount + index]))
          guard last + shared < place + (index == 0 ? 1 : 0), rest + length <= bytes.count else { return nil }
          unsafe copy(UnsafeRawBufferPointer(room), last, room, place, shared)
          unsafe copy(bytes, rest, room, place + shared, length)
          unsafe room[place + shared + length] = separator
          last = place
          place += shared + length + 1
          rest += length
        }
        return rest == bytes.count ? place : nil
      }
      return isSound ? text.finish() : nil
    }
  }

  private static let copySlack = 8

  /// Copies a few bytes, eight at a time where there are as many to read; what is written behind them is written again.
  private static func copy(
    _ source: UnsafeRawBufferPointer, _ from: Int, _ target: UnsafeMutableRawBufferPointer, _ to: Int, _ count: Int
  ) {
    var offset = 0
    while offset < count {
      if from + offset + copySlack <= source.count {
        let word = unsafe source.loadUnaligned(fromByteOffset: from + offset, as: UInt64.self)
        unsafe target.storeBytes(of: word, toByteOffset: to + offset, as: UInt64.self)
        offset += copySlack
      } else {
        unsafe target[to + offset] = unsafe source[from + offset]
        offset += 1
      }
    }
  }

  /// Which tokens of a page have a pattern's needle: their places in it, ascending.
  static func tokens(with needle: [UInt8], in text: ByteString) -> [Int] {
    let span = text.span
    var tokens: [Int] = []
    var (offset, lineCount) = (0, 0)
    while let hit = LiteralSearch.first(needle, in: span, from: offset, to: span.byteCount) {
      // In the token, not at the line feed before it.
      let inside = hit + (needle[0] == separator ? 1 : 0)
      lineCount += Self.lineCount(span, offset..<inside)
      tokens.append(lineCount - 1)
      // One hit is enough for a token: on with the line feed behind it.
      guard let next = LiteralSearch.first(separator, in: span, from: inside, to: span.byteCount) else { break }
      offset = next
    }
    return tokens
  }

  private static func lineCount(_ span: RawSpan, _ range: Range<Int>) -> Int {
    var count = 0
    var offset = range.lowerBound
    while let found = LiteralSearch.first(separator, in: span, from: offset, to: range.upperBound) {
      count += 1
      offset = found + 1
    }
    return count
  }

  /// Adds the blocks of some tokens.
  ///
  /// - Parameter wanted: their places in the page, ascending.
  /// - Returns: false if one is common, or the page damaged.
  static func add(blocksOf wanted: [Int], in places: ByteString, tokenCount: Int, to blocks: inout BlockSet) -> Bool {
    let span = places.span
    var reader = ByteReader(span)
    var counts: [Int] = []
    var wanted = wanted[...]
    do throws(WireDecodingError) {
      for _ in 0..<tokenCount { counts.append(Int(clamping: try reader.varint())) }
      let firstCount = counts.reduce(0) { $0 + min($1, 1) }
      let (lower, upper) = (try reader.span(firstCount), try reader.span(firstCount))
      var first = 0
      for (token, count) in counts.enumerated() {
        guard let next = wanted.first else { return true }
        if next == token {
          wanted.removeFirst()
          guard count > 0 else { return false }
          var block = unsafe Int(lower.unsafeLoad(fromByteOffset: first, as: UInt8.self))
          block |= unsafe Int(upper.unsafeLoad(fromByteOffset: first, as: UInt8.self)) << 8
          for index in 0..<count {
            if index > 0 { block += Int(clamping: try reader.varint()) &+ 1 }
            guard (0..<BlockIndexBuilder.sectionBlockCount).contains(block) else { return false }
            blocks.insert(block)
          }
        } else {
          for _ in 0..<max(0, count - 1) { _ = try reader.varint() }
        }
        first += min(count, 1)
      }
      return wanted.isEmpty
    } catch { return false }
  }
}

/// Writes a page, token by token.
struct TokenPageWriter: ~Copyable {
  private(set) var tokenCount = 0
  /// What the tokens take, with a byte for each.
  private(set) var byteCount = 0
  private var shared = ByteWriter(capacity: 2048)
  private var lengths = ByteWriter(capacity: 2048)
  private var rests = ByteWriter(capacity: TokenPage.byteCountMax)
  private var counts = ByteWriter(capacity: 2048)
  private var lower = ByteWriter(capacity: 2048)
  private var upper = ByteWriter(capacity: 2048)
  private var gaps = ByteWriter(capacity: 2048)

  init() {}

  /// - Parameters:
  ///   - sharedCount: the bytes it shares with the token before, which the page has.
  ///   - blocks: ascending; none if it is common.
  mutating func append(_ token: RawSpan, sharedCount: Int, blocks: ArraySlice<UInt16>) {
    tokenCount += 1
    byteCount += token.byteCount + 1
    shared.append(UInt8(sharedCount))
    lengths.append(UInt8(token.byteCount - sharedCount))
    rests.append(token.extracting(sharedCount..<token.byteCount))
    counts.append(varint: UInt64(blocks.count))
    guard var last = blocks.first else { return }
    lower.append(UInt8(truncatingIfNeeded: last))
    upper.append(UInt8(last >> 8))
    for block in blocks.dropFirst() {
      gaps.append(varint: UInt64(block - last - 1))
      last = block
    }
  }

  consuming func finish() -> TokenPage {
    shared.append(lengths)
    shared.append(rests)
    counts.append(lower)
    counts.append(upper)
    counts.append(gaps)
    return TokenPage(tokenCount: tokenCount, tokens: shared.finish(), places: counts.finish())
  }
}
