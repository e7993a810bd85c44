package import LogsWire

/// Cuts the bytes of files into lines, in pieces of any size and with bounded memory.
///
/// A line ends at `\n`; `\r` and bytes that are not UTF-8 are kept, and a last line without `\n` counts as well. NULs
/// in front of a line's text are left out, however many, and counted: they are the hole that a writer leaves if it goes
/// on writing at its old offset after a rotation has emptied the file (copytruncate).
///
/// A byte order mark at the start of a file is removed. A file with the mark of UTF-16 is read as UTF-16, unless its
/// bytes are to be kept.
package struct LineCutter: Sendable {
  package struct Line: Sendable {
    /// The line, or the beginning of one that is too long.
    package let bytes: ByteString
    /// The length of the whole line.
    package let byteCount: Int
    /// Which part this is, if a line that is too long was split.
    package let part: Part?
    /// Where the line ends, its newline included: in bytes of the file, or of its decoded text if it is UTF-16.
    package let end: UInt64
  }

  package struct Part: Hashable, Sendable {
    /// Distinguishes the line from others that were split.
    package let line: UInt64
    /// From 1.
    package let ordinal: Int64
    package let isLast: Bool
  }

  package struct Configuration: Sendable {
    package var encoding = TextEncoding.automatic
    /// Whether marks and UTF-16 are kept as they are, unless `encoding` names UTF-16.
    package var keepsBytes = false
    /// Whether lines that are too long are split instead of cut.
    package var splitsLongLines = false
    /// Lines with more bytes are too long.
    package var lineByteCountMax = LineCutter.lineByteCountMax

    package init() {}
  }

  /// Counts of what did not become lines as it was.
  package struct Report: Sendable {
    package var skippedNULCount: UInt64 = 0
    package var cutLineCount: UInt64 = 0
    /// The lengths of the first of them.
    package var cutLineByteCounts: [Int] = []
    package var cutLineByteCountMax = 0
    package var splitLineCount: UInt64 = 0

    static let cutLineByteCountsMax = 3

    package init() {}

    mutating func cutLine(byteCount: Int) {
      cutLineCount += 1
      if cutLineByteCounts.count < Self.cutLineByteCountsMax { cutLineByteCounts.append(byteCount) }
      cutLineByteCountMax = max(cutLineByteCountMax, byteCount)
    }
  }

  /// What somebody should know about a file.
  package enum Finding: Sendable {
    /// It has the mark of UTF-16, and its bytes are kept.
    case utf16Kept
    /// It looks like UTF-16, but has no mark.
    case unmarkedUTF16
    case utf32
  }

  package private(set) var report = Report()
  /// Whether the file whose lines came last is UTF-16 by its mark, and decoded without having been asked.
  package private(set) var isDecoding = false
  private let configuration: Configuration

  /// The first bytes of a file, until its encoding is known.
  private var firstBytes: [UInt8]? = []
  private var decoder: UTF16Decoder?
  /// Whether NULs are a hole. In UTF-16 they are part of the text.
  private var hasHoles = true
  private var finding: Finding?

  /// The kept beginning of a line whose end has not been read yet, and the length of the line so far.
  private var rest: [UInt8] = []
  private var restByteCount = 0
  private var partCount: Int64 = 0
  /// Bytes of the file that were cut so far, or of its decoded text.
  private var textByteCount: UInt64 = 0

  static let lineByteCountMax = Limits.messageByteCountMax
  /// How much memory is kept for the beginning of the next line.
  private static let keptCapacity = 256 << 10

  package init(_ configuration: Configuration) { self.configuration = configuration }

  /// What the start of the file has shown. Returned once.
  package mutating func takeFinding() -> Finding? {
    defer { finding = nil }
    return finding
  }

  /// Goes on in the middle of a file, behind the end of a line.
  ///
  /// - Parameters:
  ///   - end: where that is.
  ///   - isBigEndian: the order of a file in UTF-16; nil for any other.
  package mutating func resume(at end: UInt64, utf16 isBigEndian: Bool?) {
    firstBytes = nil
    textByteCount = end
    decoder = isBigEndian.map { UTF16Decoder(isBigEndian: $0) }
    isDecoding = decoder != nil && configuration.encoding == .automatic
  }

  /// The order of the file's bytes, if it is read as UTF-16.
  package var utf16: Bool? { decoder?.isBigEndian }

  /// Whether the end of a line has not been read yet.
  package var isInLine: Bool { restByteCount > 0 || firstBytes?.isEmpty == false }

  /// The next bytes of the file.
  package mutating func append(_ bytes: ArraySlice<UInt8>) -> [Line] {
    guard let first = firstBytes else { return cut(bytes) }
    return begin(first + bytes, isWhole: false)
  }

  /// The file ends, and with it its last line. Another file may follow.
  package mutating func endFile() -> [Line] {
    var lines = firstBytes.map { begin($0, isWhole: true) } ?? []
    if decoder != nil {
      var text: [UInt8] = []
      decoder?.finish(to: &text)
      lines += cutText(text[...])
    }
    if restByteCount > 0 { lines.append(takeRest(end: textByteCount)) }
    firstBytes = []
    decoder = nil
    hasHoles = true
    textByteCount = 0
    return lines
  }

  // MARK: The start of a file

  private mutating func begin(_ bytes: [UInt8], isWhole: Bool) -> [Line] {
    let start = FileStart(bytes, isWhole: isWhole)
    if start == .unknown || bytes.isEmpty {
      firstBytes = bytes
      return []
    }
    firstBytes = nil
    var markByteCount = start.markByteCount
    switch (configuration.encoding, start) {
    case (.automatic, .utf16Mark(let isBigEndian)) where !configuration.keepsBytes:
      decoder = UTF16Decoder(isBigEndian: isBigEndian)
    case (.utf16, .utf16Mark(let isBigEndian)): decoder = UTF16Decoder(isBigEndian: isBigEndian)
    case (.utf16, _), (.utf16LittleEndian, _):
      decoder = UTF16Decoder(isBigEndian: false)
      if start != .utf16Mark(isBigEndian: false) { markByteCount = 0 }
    case (.utf16BigEndian, _):
      decoder = UTF16Decoder(isBigEndian: true)
      if start != .utf16Mark(isBigEndian: true) { markByteCount = 0 }
    case (.automatic, .utf16Mark): finding = .utf16Kept
    case (.automatic, .utf32Mark): finding = .utf32
    case (.automatic, .unmarkedUTF16): finding = .unmarkedUTF16
    case (.automatic, .unknown), (.automatic, .plain), (.automatic, .utf8Mark), (.utf8, _): break
    }
    isDecoding = decoder != nil && configuration.encoding == .automatic
    hasHoles = finding == nil
    if decoder == nil, configuration.keepsBytes || start != .utf8Mark { markByteCount = 0 }
    textByteCount = UInt64(markByteCount)
    return cut(bytes[markByteCount...])
  }

  private mutating func cut(_ bytes: ArraySlice<UInt8>) -> [Line] {
    guard decoder != nil else { return cutText(bytes) }
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count)
    decoder?.append(bytes, to: &text)
    return cutText(text[...])
  }

  // MARK: Lines

  /// Cuts text into lines that share one copy of it.
  private mutating func cutText(_ text: ArraySlice<UInt8>) -> [Line] {
    var lines: [Line] = []
    let base = textByteCount
    textByteCount += UInt64(text.count)
    let newline = UInt8(ascii: "\n")
    guard let first = text.firstIndex(of: newline), let last = text.lastIndex(of: newline) else {
      keep(text, &lines)
      return lines
    }
    var start = text.startIndex
    if restByteCount > 0 {
      keep(text[..<first], &lines)
      start = first + 1
      lines.append(takeRest(end: base + UInt64(start - text.startIndex)))
    }
    if start <= last {
      let wholeBase = base + UInt64(start - text.startIndex)
      let whole = ByteString(Array(text[start...last]))
      var lineStart = 0
      unsafe whole.withUnsafeBytes { bytes in
        for index in bytes.indices where unsafe bytes[index] == newline {
          if hasHoles, unsafe bytes[lineStart] == 0 {
            let hole = unsafe bytes[lineStart..<index].prefix { $0 == 0 }.count
            report.skippedNULCount += UInt64(hole)
            lineStart += hole
          }
          let end = wholeBase + UInt64(index + 1)
          lines.append(Line(bytes: whole[lineStart..<index], byteCount: index - lineStart, part: nil, end: end))
          lineStart = index + 1
        }
      }
    }
    keep(text[(last + 1)...], &lines)
    return lines
  }

  /// Keeps the beginning of a line. If it is too long for one message, it is split into parts, or the rest is only
  /// counted.
  private mutating func keep(_ bytes: ArraySlice<UInt8>, _ lines: inout [Line]) {
    var bytes = bytes
    if restByteCount == 0, hasHoles {
      let text = bytes.drop { $0 == 0 }
      report.skippedNULCount += UInt64(bytes.count - text.count)
      bytes = text
    }
    restByteCount += bytes.count
    while true {
      let piece = bytes.prefix(configuration.lineByteCountMax - rest.count)
      rest.append(contentsOf: piece)
      bytes = bytes.dropFirst(piece.count)
      if bytes.isEmpty || !configuration.splitsLongLines { return }
      lines.append(takePart())
    }
  }

  /// A part of the line, which ends with a whole character.
  private mutating func takePart() -> Line {
    let tail = rest.suffix(Self.characterByteCountMax)
    var count = rest.count
    if let start = tail.lastIndex(where: { $0 & 0xc0 != 0x80 }), rest[start] >= 0xc0 {
      let length = rest[start] >= 0xf0 ? 4 : rest[start] >= 0xe0 ? 3 : 2
      if start + length > rest.count { count = start }
    }
    if partCount == 0 { report.splitLineCount += 1 }
    partCount += 1
    let part = Part(line: report.splitLineCount, ordinal: partCount, isLast: false)
    let line = Line(bytes: ByteString(Array(rest[..<count])), byteCount: count, part: part, end: textByteCount)
    rest.removeFirst(count)
    return line
  }

  private static let characterByteCountMax = 4

  private mutating func takeRest(end: UInt64) -> Line {
    defer {
      rest.removeAll(keepingCapacity: rest.count < Self.keptCapacity)
      restByteCount = 0
      partCount = 0
    }
    if partCount > 0 {
      let part = Part(line: report.splitLineCount, ordinal: partCount + 1, isLast: true)
      return Line(bytes: ByteString(rest), byteCount: rest.count, part: part, end: end)
    }
    if restByteCount > rest.count { report.cutLine(byteCount: restByteCount) }
    return Line(bytes: ByteString(rest), byteCount: restByteCount, part: nil, end: end)
  }
}
