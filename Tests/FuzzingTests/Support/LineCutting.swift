@testable import LogsText
@testable import LogsWire

/// Cuts a file into lines, and compares what comes of other pieces.
enum LineCutting {
  static func lines(of bytes: [UInt8], _ configuration: LineCutter.Configuration, _ choice: UInt8) throws
    -> [ByteString]
  {
    let (lines, report) = cut([bytes], configuration)
    let (others, otherReport) = cut(Pieces(bytes, choice), configuration)
    try BrokenRule.check(lines == others, "pieces make other lines: \(lines.map(\.bytes)) and \(others.map(\.bytes))")
    try BrokenRule.check("\(report)" == "\(otherReport)", "pieces make another report: \(report) and \(otherReport)")
    return lines.map(\.bytes)
  }

  private struct Line: Equatable {
    let bytes: ByteString
    let byteCount: Int
    let part: LineCutter.Part?

    init(_ line: LineCutter.Line) { (bytes, byteCount, part) = (line.bytes, line.byteCount, line.part) }
  }

  private static func cut(
    _ pieces: some Sequence<[UInt8]>, _ configuration: LineCutter.Configuration
  ) -> (lines: [Line], report: LineCutter.Report) {
    var cutter = LineCutter(configuration)
    var lines: [LineCutter.Line] = []
    for piece in pieces { lines += cutter.append(piece[...]) }
    lines += cutter.endFile()
    return (lines.map(Line.init), cutter.report)
  }
}
