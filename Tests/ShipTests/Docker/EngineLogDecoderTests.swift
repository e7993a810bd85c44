import LogsWire
import Testing

@testable import LogsShip

/// Frames and terminal output become lines, however they are cut.
struct EngineLogDecoderTests {
  private static let time = "2026-11-20T01:52:22.639229156Z"
  private static let nanoseconds: Int64 = 1_795_139_542_639_229_156

  private static func frame(_ stream: UInt8, _ text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    return [stream, 0, 0, 0] + (0..<4).reversed().map { UInt8(truncatingIfNeeded: bytes.count >> ($0 * 8)) } + bytes
  }

  private static func lines(
    _ pieces: [[UInt8]], isTerminal: Bool = false, isFinal: Bool = true
  ) throws -> [EngineLogDecoder.Line] {
    var decoder = EngineLogDecoder(isTerminal: isTerminal)
    var lines: [EngineLogDecoder.Line] = []
    for piece in pieces { try decoder.take(piece[...]) { lines.append($0) } }
    if isFinal { decoder.finish { lines.append($0) } }
    return lines
  }

  private static func line(
    _ stream: EngineLogDecoder.Stream, _ text: String, _ time: Int64, isCut: Bool = false, repeatsPiece: Bool = false
  ) -> EngineLogDecoder.Line {
    EngineLogDecoder.Line(
      stream: stream, bytes: ByteString(text), byteCount: text.utf8.count, time: time, isCut: isCut,
      repeatsPiece: repeatsPiece)
  }

  private static func piece(_ character: Character) -> String {
    String(repeating: character, count: EngineLogDecoder.pieceByteCount)
  }

  @Test func `frames cut at every byte give the same lines`() throws {
    let bytes =
      Self.frame(1, "\(Self.time) one\n") + Self.frame(2, "2026-11-20T01:52:23Z two\r\n")
      + Self.frame(1, "2026-11-20T02:52:24.5+01:00 \n") + Self.frame(2, "\(Self.time) left")
    let wanted = [
      Self.line(.output, "one", Self.nanoseconds), Self.line(.errors, "two\r", 1_795_139_543_000_000_000),
      Self.line(.output, "", 1_795_139_544_500_000_000), Self.line(.errors, "left", Self.nanoseconds),
    ]
    #expect(try Self.lines([bytes]) == wanted)
    #expect(try Self.lines(bytes.map { [$0] }) == wanted)
    for cut in bytes.indices {
      #expect(try Self.lines([Array(bytes[..<cut]), Array(bytes[cut...])]) == wanted, "cut at \(cut)")
    }
    #expect(try Self.lines([bytes], isFinal: false) == Array(wanted.dropLast()), "an open line waits for its end")
  }

  @Test func `pieces of a long line are joined within each stream`() throws {
    let (first, second) = (Self.piece("x"), Self.piece("y"))
    let other = "2026-11-20T01:52:23.000000001Z"
    let bytes =
      Self.frame(1, "\(Self.time) \(first)") + Self.frame(2, "\(other) \(first)") + Self.frame(2, "\(other) e\n")
      + Self.frame(1, "\(Self.time) \(second)") + Self.frame(1, "\(Self.time) end\n")
    #expect(
      try Self.lines([bytes]) == [
        Self.line(.errors, "\(first)e", 1_795_139_543_000_000_001),
        Self.line(.output, "\(first)\(second)end", Self.nanoseconds),
      ])
  }

  @Test(arguments: [false, true])
  func `a line of which a piece came twice, or whose end did not come, says so`(_ isTerminal: Bool) throws {
    let (first, second) = (Self.piece("x"), Self.piece("y"))
    func bytes(_ text: String) -> [UInt8] { isTerminal ? Array(text.utf8) : Self.frame(1, text) }
    let end = isTerminal ? "\r\n" : "\n"
    let pieces = [
      "\(Self.time) \(first)", "\(Self.time) \(second)", "\(Self.time) \(second)", "\(Self.time) end\(end)",
      "2026-11-20T01:52:23Z \(first)", "2026-11-20T01:52:24Z next\(end)",
    ]
    let lines = try Self.lines([pieces.map(bytes).reduce([], +)], isTerminal: isTerminal)
    #expect(
      lines == [
        Self.line(.output, "\(first)\(second)\(second)end", Self.nanoseconds, repeatsPiece: true),
        Self.line(.output, first, 1_795_139_543_000_000_000, isCut: true),
        Self.line(.output, "next", 1_795_139_544_000_000_000),
      ])
  }

  @Test func `a terminal's lines cut at every byte`() throws {
    let (first, second) = (Self.piece("x"), Self.piece("y"))
    let text =
      "\(Self.time) one\r\n\(Self.time) \(first)\(Self.time) \(second)\(Self.time) end\r\n"
      + "2026-11-20T01:52:23Z \u{1b}[1mtwo\r\n"
    let bytes = Array(text.utf8)
    let wanted = [
      Self.line(.output, "one", Self.nanoseconds), Self.line(.output, "\(first)\(second)end", Self.nanoseconds),
      Self.line(.output, "\u{1b}[1mtwo", 1_795_139_543_000_000_000),
    ]
    #expect(try Self.lines([bytes], isTerminal: true) == wanted)
    for cut in stride(from: 0, to: bytes.count, by: 97) {
      let pieces = [Array(bytes[..<cut]), Array(bytes[cut...])]
      #expect(try Self.lines(pieces, isTerminal: true) == wanted, "cut at \(cut)")
    }
    let ends = Array(0..<80) + Array(bytes.count - 80..<bytes.count)
    for cut in ends {
      let pieces = [Array(bytes[..<cut]), Array(bytes[cut...])]
      #expect(try Self.lines(pieces, isTerminal: true) == wanted, "cut at \(cut)")
    }
  }

  @Test(arguments: [false, true]) func `a line above 1 MiB keeps its beginning and its length`(
    _ isTerminal: Bool
  ) throws {
    let piece = Self.piece("z")
    let count = 70
    var decoder = EngineLogDecoder(isTerminal: isTerminal)
    var lines: [EngineLogDecoder.Line] = []
    func take(_ text: String) throws {
      let bytes = isTerminal ? Array(text.utf8) : Self.frame(1, text)
      try decoder.take(bytes[...]) { lines.append($0) }
    }
    for _ in 0..<count { try take("\(Self.time) \(piece)") }
    try take("\(Self.time) end\(isTerminal ? "\r" : "")\n")
    try take("2026-11-20T01:52:23Z next\(isTerminal ? "\r" : "")\n")
    #expect(lines.count == 2)
    #expect(lines.first?.bytes.count == Limits.messageByteCountMax)
    #expect(lines.first?.bytes.array.allSatisfy { $0 == UInt8(ascii: "z") } == true, "no times stand between")
    // A terminal's line is kept with the times between its pieces: where it is cut they count as text.
    let whole = count * EngineLogDecoder.pieceByteCount + 3
    if !isTerminal { #expect(lines.first?.byteCount == whole) }
    #expect((lines.first?.byteCount ?? 0) >= whole)
    #expect(lines.last == Self.line(.output, "next", 1_795_139_543_000_000_000))
  }

  @Test func `what is no frame, and an error of the engine, end the log`() {
    #expect(throws: DockerFailure("the engine's log is not in frames")) { try Self.lines([Array("2026-11-".utf8)]) }
    #expect(throws: DockerFailure("the engine reports: it broke")) { try Self.lines([Self.frame(3, "it broke")]) }
  }

  @Test func `times are read as engines write them, and written as they take them`() {
    func parse(_ text: String) -> Int64? { EngineTime.parse(Array(text.utf8)[...])?.nanoseconds }
    #expect(parse("1970-01-01T00:00:00Z") == 0)
    #expect(parse("2024-02-29T12:00:00.000000001Z") == 1_709_208_000_000_000_001)
    #expect(parse("2000-03-01T00:00:00-00:30") == 951_870_600_000_000_000)
    #expect(parse("0001-01-01T00:00:00Z") == nil || parse("0001-01-01T00:00:00Z")! < 0)
    #expect(parse("2024-13-01T00:00:00Z") == nil)
    #expect(parse("2024-01-01 00:00:00Z") == nil)
    #expect(EngineTime.since(1_700_000_000_000_000_012) == "1700000000.000000012")
    #expect(EngineTime.since(-5) == "0.000000000")
  }
}
