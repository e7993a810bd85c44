import LogsWire
import Testing

@testable import LogsShip

/// Paths that are not UTF-8, as text and back.
struct PathTextTests {
  @Test(arguments: [
    ("/var/log/größe.log", Array("/var/log/größe.log".utf8)), ("a\\xffb", [0x61, 0xff, 0x62]),
    ("a\\xc3", [0x61, 0xc3]), ("\\xed\\xa0\\x80", [0xed, 0xa0, 0x80]), ("\\x5cxff", Array("\\xff".utf8)),
    ("\\xfg", Array("\\xfg".utf8)), ("a\\\\x5cx41\\xfe", Array("a\\\\x41".utf8) + [0xfe]), ("", []),
  ]) func `a path stands for its bytes`(text: String, bytes: [UInt8]) {
    #expect(PathText.text(bytes) == text)
    #expect(PathText.bytes(text) == bytes)
  }

  @Test func `any bytes come back, and different ones are different texts`() {
    // All names of five of these bytes, which are the parts of escapes, of characters, and neither.
    let parts = Array("\\xf5".utf8) + [0xff, 0xc3, 0xa9, 0x07]
    var texts: Set<String> = []
    for number in 0..<(1 << 15) {
      let bytes = (0..<5).map { parts[number >> ($0 * 3) & 7] }
      let text = PathText.text(bytes)
      if PathText.bytes(text) != bytes { Issue.record("\(bytes) is \(text)") }
      texts.insert(text)
    }
    #expect(texts.count == 1 << 15)
  }

  @Test(arguments: [
    ("/d/a\\xff.log", "/d/a\\xff.log", true), ("/d/a\\xff.log", "/d/a\\xfe.log", false),
    ("/d/a?.log", "/d/a\\xff.log", true), ("/d/*.log", "/d/\\xff\\xfe.log", true),
    ("/d/a\\\\xff.log", "/d/a\\x5cxff.log", true), ("/d/a\\\\xff.log", "/d/a\\xff.log", false),
    ("/d/a\\x5cxff.log", "/d/a\\x5cxff.log", true),
  ]) func `a glob names bytes as they are shown`(glob: String, path: String, matches: Bool) {
    #expect(FileGlob(glob, workingDirectory: "/").matches(path) == matches)
  }
}
