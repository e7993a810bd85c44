import LogsWire
import Testing

@testable import LogsSimulation
@testable import LogsText

@Suite struct LineCutterTests {
  private let limit = LineCutter.lineByteCountMax

  /// The lines of files, each read in the pieces that `cuts` makes of it, and the notices about them.
  private func cut(
    _ files: [[UInt8]], _ configuration: LineCutter.Configuration = .init(),
    pieces: ([UInt8]) -> [ArraySlice<UInt8>] = { [$0[...]] }
  ) -> (lines: [LineCutter.Line], report: LineCutter.Report, findings: [LineCutter.Finding]) {
    var cutter = LineCutter(configuration)
    var lines: [LineCutter.Line] = []
    var findings: [LineCutter.Finding] = []
    for file in files {
      for piece in pieces(file) { lines += cutter.append(piece) }
      lines += cutter.endFile()
      if let finding = cutter.takeFinding() { findings.append(finding) }
    }
    return (lines, cutter.report, findings)
  }

  private func texts(_ file: [UInt8], _ configuration: LineCutter.Configuration = .init()) -> [String] {
    let whole = cut([file], configuration).lines.map(\.bytes)
    let bytes = cut([file], configuration, pieces: { file in file.indices.map { file[$0...$0] } }).lines.map(\.bytes)
    #expect(whole == bytes)
    return whole.map(\.text)
  }

  private func configuration(
    _ encoding: TextEncoding = .automatic, keepsBytes: Bool = false, splits: Bool = false
  ) -> LineCutter.Configuration {
    var configuration = LineCutter.Configuration()
    configuration.encoding = encoding
    configuration.keepsBytes = keepsBytes
    configuration.splitsLongLines = splits
    return configuration
  }

  private func utf16(_ text: String, isBigEndian: Bool, mark: Bool = true) -> [UInt8] {
    ((mark ? [0xfeff] : []) + Array(text.utf16)).flatMap { unit in
      let bytes = [UInt8(unit >> 8), UInt8(unit & 0xff)]
      return isBigEndian ? bytes : bytes.reversed()
    }
  }

  @Test func `a line ends at a newline, and each file begins a new line`() {
    #expect(texts(Array("a\nb\r\n\n\nlast".utf8)) == ["a", "b\r", "", "", "last"])
    #expect(texts([]).isEmpty)
    #expect(texts([10]) == [""])
    #expect(cut([Array("a".utf8), [], Array("b\nc".utf8)]).lines.map(\.bytes.text) == ["a", "b", "c"])
  }

  @Test func `a byte order mark at a file's start is not text, unless bytes are kept`() {
    let file = [0xef, 0xbb, 0xbf] + Array("{}\nb".utf8)
    #expect(texts(file) == ["{}", "b"])
    #expect(texts(file, configuration(.utf8)) == ["{}", "b"])
    #expect(texts(file, configuration(keepsBytes: true)) == ["\u{feff}{}", "b"])
    #expect(texts(Array("a\n\u{feff}b".utf8)) == ["a", "\u{feff}b"])
    #expect(cut([file, file]).lines.map(\.bytes.text) == ["{}", "b", "{}", "b"])
    // The beginning of a mark is text if nothing follows.
    #expect(cut([[0xef, 0xbb]]).lines.map(\.bytes) == [ByteString([0xef, 0xbb])])
    #expect(cut([[0xff]]).lines.map(\.bytes) == [ByteString([0xff])])
  }

  @Test(arguments: [true, false]) func `UTF-16 is recognized by its byte order mark, or requested`(isBigEndian: Bool) {
    let text = "{\"a\":\"é漢🚒\"}\r\nb\n\nc"
    let lines = ["{\"a\":\"é漢🚒\"}\r", "b", "", "c"]
    let marked = utf16(text, isBigEndian: isBigEndian)
    #expect(texts(marked) == lines)
    #expect(texts(marked, configuration(.utf16, keepsBytes: true)) == lines)
    let named = TextEncoding.utf16LittleEndian
    #expect(texts(utf16(text, isBigEndian: false, mark: false), configuration(named)) == lines)
    #expect(texts(utf16(text, isBigEndian: true, mark: false), configuration(.utf16BigEndian)) == lines)
    #expect(texts(utf16(text, isBigEndian: false), configuration(named)) == lines)
    #expect(texts(utf16(text, isBigEndian: false, mark: false), configuration(.utf16)) == lines)
  }

  @Test func `half a surrogate pair, and half a unit at the end, become one replacement character each`() {
    let units: [UInt16] = [0xfeff, 0x61, 0xd800, 0x62, 0xdc00, 0xd83d, 0xd83d, 0xde92, 0xd800]
    let bytes = units.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] }
    #expect(texts(bytes) == ["a\u{fffd}b\u{fffd}\u{fffd}🚒\u{fffd}"])
    #expect(texts(Array(bytes.dropLast(2)) + [0x61]) == ["a\u{fffd}b\u{fffd}\u{fffd}🚒\u{fffd}"])
  }

  @Test func `UTF-16 whose bytes are kept, or that has no byte order mark, is reported and kept as it is`() {
    func finding(_ file: [UInt8], _ configuration: LineCutter.Configuration) -> LineCutter.Finding? {
      let (lines, report, findings) = cut([file], configuration)
      let joined = lines.map(\.bytes.array).joined(separator: [10])
      #expect(Array(joined) == file.dropLast(file.last == 10 ? 1 : 0))
      #expect(report.skippedNULCount == 0)
      return findings.first
    }
    for isBigEndian in [true, false] {
      let marked = utf16("hi\nyou", isBigEndian: isBigEndian)
      #expect(finding(marked, configuration(keepsBytes: true)) == .utf16Kept)
      #expect(finding(utf16("hi\nyou", isBigEndian: isBigEndian, mark: false), configuration()) == .unmarkedUTF16)
    }
    #expect(finding([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0], configuration()) == .utf32)
    #expect(finding(Array("plain".utf8), configuration()) == nil)
  }

  @Test func `any number of NULs in front of a line's text is skipped`() {
    let hole = [UInt8](repeating: 0, count: 3 * limit + 5)
    let (lines, report, _) = cut([hole + Array("first\n".utf8) + [0, 0] + Array("sec\0ond\0\n".utf8) + [0, 10] + hole])
    #expect(lines.map(\.bytes.text) == ["first", "sec\0ond\0", ""])
    #expect(lines.allSatisfy { $0.byteCount == $0.bytes.count })
    #expect(report.skippedNULCount == UInt64(2 * hole.count + 3))
    #expect(texts([0, 0, 0] + Array("{}\n".utf8)) == ["{}"])
    #expect(texts([0, 0, 0], configuration(keepsBytes: true)).isEmpty)
  }

  @Test func `a line that is too long is cut and reported`() {
    let sizes = [limit, limit + 1, 3 * limit, limit + 2, limit - 1, limit + 3]
    let file = Array(sizes.map { [UInt8](repeating: 0x61, count: $0) }.joined(separator: [10]))
    let (lines, report, _) = cut(
      [file],
      pieces: { file in
        stride(from: 0, to: file.count, by: 100_003).map { file[$0..<min($0 + 100_003, file.count)] }
      })
    #expect(lines.map(\.byteCount) == sizes)
    #expect(lines.map(\.bytes.count) == sizes.map { min($0, limit) })
    #expect(report.cutLineCount == 4 && report.cutLineByteCounts == [limit + 1, 3 * limit, limit + 2])
    #expect(report.cutLineByteCountMax == 3 * limit)
  }

  @Test func `the parts of a split line are text and make up the whole line`() {
    let long = Array(String(repeating: "é漢🚒x", count: 300_000).utf8)
    let exact = [UInt8](repeating: 0x61, count: limit)
    let file = Array([exact, long, Array("short".utf8), long].joined(separator: [10]))
    let (lines, report, _) = cut(
      [file], configuration(splits: true),
      pieces: { file in
        stride(from: 0, to: file.count, by: 65_537).map { file[$0..<min($0 + 65_537, file.count)] }
      })
    #expect(lines[0].part == nil && lines[0].bytes.count == limit)
    #expect(report.splitLineCount == 2 && report.cutLineCount == 0)
    for number in [UInt64(1), 2] {
      let parts = lines.filter { $0.part?.line == number }
      #expect(parts.map(\.part?.ordinal) == (1...Int64(parts.count)).map { $0 })
      #expect(parts.map(\.part?.isLast) == parts.indices.map { $0 == parts.count - 1 })
      #expect(Array(parts.map(\.bytes.array).joined()) == long)
      #expect(parts.allSatisfy { String(validating: $0.bytes.array, as: UTF8.self) != nil && $0.bytes.count <= limit })
    }
  }

  @Test(arguments: UInt64(1)...20) func `pieces of any size give the same lines as the whole file`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let alphabet: [UInt8] = [0, 0, 10, 10, 13, 0x61, 0xef, 0xbb, 0xbf, 0xff, 0xfe, 0xd8, 0xc3]
    for configuration in [
      configuration(), configuration(keepsBytes: true), configuration(.utf16), configuration(.utf16BigEndian),
    ] {
      let file = (0..<Int.random(in: 0...60, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? 0 }
      let whole = cut([file, file], configuration)
      let pieces = cut(
        [file, file], configuration,
        pieces: { file in
          var rest = file[...]
          var pieces: [ArraySlice<UInt8>] = []
          while !rest.isEmpty {
            pieces.append(rest.prefix(Int.random(in: 1...7, using: &random)))
            rest = rest.dropFirst(pieces[pieces.count - 1].count)
          }
          return pieces
        })
      #expect(whole.lines.map(\.bytes) == pieces.lines.map(\.bytes), "seed \(seed): \(file)")
      #expect(whole.report.skippedNULCount == pieces.report.skippedNULCount, "seed \(seed): \(file)")
    }
  }
}
