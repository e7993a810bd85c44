import LogsText
import LogsWire
import Testing

@Suite struct EntryLineTests {
  @Test func `an entry is shown as one line, whatever it holds`() {
    let entry = LogEntry(
      message: "two\nlines\u{1b}[2J\ttab", time: 1_768_046_400_123_456_789, severity: .warning, source: "a\u{85}pi",
      attributes: [
        LogAttribute("ms", 1250), LogAttribute("plain", "yes"), LogAttribute("text", "say \"hi\"\r\n"),
        LogAttribute("none", ""),
        LogAttribute("ratio", 0.5), LogAttribute("list", .list([1, "a b", .empty])),
        LogAttribute("map", .map([LogAttribute("ok", true)])), LogAttribute("bytes", .bytes(ByteString([0, 255]))),
      ])
    #expect(
      String(decoding: EntryLine.bytes(of: entry), as: UTF8.self) == """
        2026-01-10T12:00:00.123456789Z WARN a\\u{85}pi: two\\nlines\\x1b[2J\ttab ms=1250 plain=yes \
        text="say \\"hi\\"\\r\\n" none="" ratio=0.5 list=[1,"a b",null] map={ok:true} bytes=0x00ff\n
        """)
    let bare = LogEntry(message: "m", time: 0)
    #expect(String(decoding: EntryLine.bytes(of: bare), as: UTF8.self) == "1970-01-01T00:00:00.000000000Z m\n")
  }
}
