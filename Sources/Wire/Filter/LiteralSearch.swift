internal import CSystem

/// Finds bytes in bytes.
package enum LiteralSearch {
  /// Copies text, with ASCII in lower case, into memory of its length.
  static func lower(_ text: RawSpan, into copy: UnsafeMutableRawBufferPointer) {
    precondition(copy.count >= text.byteCount, "a copy has room for the text")
    unsafe text.withUnsafeBytes { bytes in
      guard let source = bytes.baseAddress, let target = copy.baseAddress else { return }
      unsafe logs_lower(
        target.assumingMemoryBound(to: UInt8.self), source.assumingMemoryBound(to: UInt8.self), UInt(bytes.count))
    }
  }

  /// Where words of ASCII letters, digits and `_` begin and end in text in lower case, in turn.
  ///
  /// - Parameter bounds: has room for one more than the text has bytes.
  /// - Returns: how many bounds there are.
  package static func words(in text: UnsafeRawBufferPointer, _ bounds: UnsafeMutableBufferPointer<UInt32>) -> Int {
    guard let base = text.baseAddress, let room = bounds.baseAddress else { return 0 }
    precondition(bounds.count > text.count, "there is room for all bounds")
    return Int(unsafe logs_words(base.assumingMemoryBound(to: UInt8.self), UInt(text.count), room))
  }

  /// Where `byte` is first in a part of `span`.
  package static func first(_ byte: UInt8, in span: RawSpan, from: Int, to: Int) -> Int? {
    guard from < to else { return nil }
    return unsafe span.withUnsafeBytes { bytes -> Int? in
      guard let base = bytes.baseAddress else { return nil }
      let found = unsafe logs_find_byte(base + from, UInt(to - from), byte)
      return found < 0 ? nil : from + found
    }
  }

  /// Where `needle` is first in a part of `span`; at `from` if it is empty.
  package static func first(_ needle: [UInt8], in span: RawSpan, from: Int, to: Int) -> Int? {
    guard to - from >= needle.count else { return nil }
    guard !needle.isEmpty else { return from }
    return unsafe span.withUnsafeBytes { bytes -> Int? in
      unsafe needle.withUnsafeBytes { needle -> Int? in
        guard let base = bytes.baseAddress, let text = needle.baseAddress else { return nil }
        let found = unsafe logs_find(base + from, UInt(to - from), text, UInt(needle.count))
        return found < 0 ? nil : from + found
      }
    }
  }

  /// Where `needle` is first as a whole word in a part of `span`.
  static func firstWord(_ needle: [UInt8], in span: RawSpan, from: Int, to: Int, bounds: Range<Int>) -> Int? {
    var start = from
    while let found = first(needle, in: span, from: start, to: to) {
      if isWord(found..<found + needle.count, in: span, bounds: bounds) { return found }
      start = found + 1
    }
    return nil
  }

  /// Whether no word goes on before or behind a part of the text `bounds`.
  static func isWord(_ part: Range<Int>, in span: RawSpan, bounds: Range<Int>) -> Bool {
    func isInWord(_ offset: Int) -> Bool {
      let byte = unsafe span.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
      return byte >= 0x80 || byte == UInt8(ascii: "_") || byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26
    }
    if part.lowerBound > bounds.lowerBound, isInWord(part.lowerBound - 1) { return false }
    return part.upperBound == bounds.upperBound || !isInWord(part.upperBound)
  }
}
