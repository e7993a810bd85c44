@testable import LogsCLI
@testable import LogsText
@testable import LogsWire

extension FuzzTarget {
  /// A file that is pushed: the same lines come of it in whatever pieces it is read, every format turns each into an
  /// entry that a batch can hold, and what is printed of it cannot move a terminal's cursor.
  static let lines = FuzzTarget(
    name: "lines", byteCountMax: 2048, words: lineWords,
    seeds: {
      try lineSeeds.map { [0, 9] + Array($0.utf8) }
        + SeedVectors.bytes(["batch"], atMost: 300).map { [2, 9] + $0 }
        + [
          [0, 9, 0xff, 0xfe, 0x61, 0, 0x0a, 0], [0, 9, 0xfe, 0xff, 0, 0x61, 0xd8, 0x00],
          [4, 9, 0xef, 0xbb, 0xbf, 0x61],
        ]
    },
    run: { input in
      let options = input.byte()
      let choice = input.byte()
      let bytes = input.all()
      var configuration = LineCutter.Configuration()
      configuration.keepsBytes = options & 1 != 0
      configuration.splitsLongLines = options & 2 != 0
      let encodings: [TextEncoding] = [.automatic, .utf8, .utf16, .utf16LittleEndian]
      configuration.encoding = encodings[Int(options >> 2) % encodings.count]
      let lines = try LineCutting.lines(of: bytes, configuration, choice)
      var rules = EntryRules()
      for line in lines.prefix(50) { try rules.check(line) }
    })

  /// A compressed file that is pushed: the same content comes of it in whatever pieces it is read.
  static let archives = FuzzTarget(
    name: "archives", byteCountMax: 1024,
    seeds: {
      var compressed = ByteWriter()
      _ = Compressor().compress(ByteString(String(repeating: "a line of a file\n", count: 20)).span, into: &compressed)
      let frame = compressed.finish().array
      // gzip of "a line\n".
      let member = SeedVectors.hex("1f8b08000000000002034b54c8c9cc4be502000a2ffb1707000000")
      return [[1, 9] + frame, [1, 9] + frame + frame, [0, 9] + member, [0, 9] + member + member + [0, 0, 0]]
    },
    run: { input in
      let isZstd = input.byte() & 1 != 0
      let choice = input.byte()
      let bytes = input.all()
      func outcome(_ pieces: some Sequence<[UInt8]>) -> ArchiveOutcome {
        ArchiveOutcome(pieces, isZstd ? ZstdContent() : GzipContent())
      }
      let (whole, cut) = (outcome([bytes]), outcome(Pieces(bytes, choice)))
      let counts = "\(whole.content.count) and \(cut.content.count) bytes"
      if isZstd {
        // The library gives nothing of the piece in which it finds damage, and it finds more in a frame that it gets
        // whole: an empty last block may hide that the frame's size is wrong.
        return try BrokenRule.check(
          whole.isDamaged ? cut.content.starts(with: whole.content) : cut.isDamaged || whole.content == cut.content,
          "pieces make other content: \(counts)")
      }
      try BrokenRule.check(
        whole.isDamaged == cut.isDamaged && (whole.isDamaged || whole.isWhole == cut.isWhole),
        "pieces are damaged, or whole, alone")
      try BrokenRule.check(whole.content == cut.content, "pieces make other content: \(counts)")
    })

  private static let lineSeeds = [
    #"{"time":"2026-01-10T12:00:00Z","level":"warn","msg":"slow","ms":12.5,"a":{"b":[1,null,true]}}"#,
    #"{"ts":1768046400.123,"severity":"ERROR","message":"a\u0000\ud83d\ude00","k":1e400,"k":"twice"}"#,
    #"time=2026-01-10T12:00:00Z level=info msg="say \"hi\"" took=1.5s bare"#,
    "<34>1 2026-01-10T12:00:00.5+01:00 host app 17 ID47 [a@1 k=\"v\\]\"] text", "<13>Jan 10 12:00:00 host app[1]: text",
    "W0110 12:00:00.123456   17 file.go:12] text", "2026-01-10T12:00:00.1Z stdout F text",
    #"127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 2326 "-" "curl""#,
    "2026/01/10 12:00:00 [error] 17#17: *1 text, client: 127.0.0.1",
    "[Sat Jan 10 12:00:00.5 2026] [core:error] [pid 1] text",
    "2026-01-10 12:00:00.123 UTC,\"u\",\"d\",17,\"h:1\",1.1,1,\"x\",2026-01-10 12:00:00 UTC,1/1,0,LOG,00000,"
      + "\"text\",,,,,,,,,\"\"",
    "plain text\nof two lines\r\n", "\u{0}\u{0}\u{1b}[31mred\u{202e}\u{85}", "",
  ]

  private static let lineWords = [
    "time", "level", "msg", "message", "severity", "ts", "@timestamp", "logger", "stdout F ", "\\u0000", "\\ud83d",
    "1e400", "9223372036854775808", "-0.0", "null", "true", "{", "}", "[", "]", "\"", "=", "2026-02-30T24:61:99Z",
    "Jan ",
    "<191>1 ", "[error] ", "logs.truncated", "logs.truncated_attributes", "\u{1b}]0;", "\u{9b}", "\u{FEFF}",
  ]
}

/// What comes of a compressed file.
private struct ArchiveOutcome {
  private static let byteCountMax = 1 << 20

  var content: [UInt8] = []
  var isDamaged = false
  let isWhole: Bool

  init(_ pieces: some Sequence<[UInt8]>, _ archive: any ArchiveContent) {
    do throws(ArchiveDamage) {
      reading: for piece in pieces {
        var bytes = piece[...]
        while content.count < Self.byteCountMax {
          let more = try archive.take(&bytes)
          if more.isEmpty { continue reading }
          content += more
        }
        content = Array(content.prefix(Self.byteCountMax))
        break
      }
    } catch { isDamaged = true }
    isWhole = content.count < Self.byteCountMax && archive.isWhole
  }
}
