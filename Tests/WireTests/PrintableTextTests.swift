import LogsWire
import Testing

@testable import LogsSimulation

@Suite struct PrintableTextTests {
  private func shown(_ bytes: [UInt8]) -> String {
    var output: [UInt8] = []
    PrintableText.append(ByteString(bytes), to: &output)
    return String(decoding: output, as: UTF8.self)
  }

  @Test(arguments: [
    ("", ""), ("plain é漢🚒 text\t", "plain é漢🚒 text\t"), ("a\nb\r", #"a\nb\r"#), ("\u{1b}[2J", #"\x1b[2J"#),
    ("\u{0}\u{7f}", #"\x00\x7f"#), ("\u{9b}31m", #"\u{9b}31m"#), ("\u{85}", #"\u{85}"#),
    ("\u{2028}\u{2029}", #"\u{2028}\u{2029}"#), ("\u{202a}\u{202e}txt", #"\u{202a}\u{202e}txt"#),
    ("\u{2066}\u{2069}", #"\u{2066}\u{2069}"#), ("\u{61c}\u{200e}\u{200f}", #"\u{61c}\u{200e}\u{200f}"#),
    ("\u{200d}\u{2010}", "\u{200d}\u{2010}"),
    ("\u{2027}\u{202f}\u{2065}\u{206a}", "\u{2027}\u{202f}\u{2065}\u{206a}"),
  ])
  func `text is shown as one harmless line`(text: String, expected: String) {
    #expect(PrintableText.escaped(text) == expected)
    #expect(shown(Array(text.utf8)) == expected)
  }

  @Test(
    arguments: [
      ([0x9b, 0x33], #"\x9b3"#), ([0x61, 0xff, 0xfe], #"a\xff\xfe"#), ([0xc2], #"\xc2"#), ([0xc2, 0x0a], #"\xc2\n"#),
      ([0xc0, 0x8a], #"\xc0\x8a"#), ([0xed, 0xa0, 0x80], #"\xed\xa0\x80"#), ([0xe2, 0x80], #"\xe2\x80"#),
      ([0xf4, 0x90, 0x80, 0x80], #"\xf4\x90\x80\x80"#), ([0xe0, 0x80, 0x9b], #"\xe0\x80\x9b"#),
      ([0xc3, 0xa9, 0x9b], #"é\x9b"#),
    ] as [([UInt8], String)])
  func `bytes that are not UTF-8 are shown one by one`(bytes: [UInt8], expected: String) {
    #expect(shown(bytes) == expected)
  }

  @Test(arguments: TestSeeds.first(3))
  func `random bytes become harmless text, and text has the same form as a string's own`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<2_000 {
      let bytes = (0..<Int.random(in: 0...24, using: &random)).map { _ -> UInt8 in
        [0xc2, 0x9b, 0xe2, 0x80, 0xae, 0x0a, 0x61, 0xf0, 0x90].randomElement(using: &random) ?? 0
      }
      let text = shown(bytes)
      #expect(text.unicodeScalars.allSatisfy(PrintableText.isHarmless), TestSeeds.replay(seed, "PrintableTextTests"))
      if let valid = String(validating: bytes, as: UTF8.self) { #expect(PrintableText.escaped(valid) == text) }
    }
  }
}
