import LogsText
import Testing

@Suite struct SpellingTests {
  private let names = ["data", "listen", "listen-unix", "heartbeat", "segment-bytes", "segment-age"]

  @Test(arguments: [
    ("hartbeat", "heartbeat"), ("haertbeat", "heartbeat"), ("segment-byte", "segment-bytes"), ("date", "data"),
    ("lisetn", "listen"), ("listenunix", "listen-unix"), ("data", "data"), ("segmentage", "segment-age"),
    ("HEARTBEAT", "heartbeat"), ("Dtaa", "data"),
  ])
  func `a typing error finds the name that was meant`(word: String, name: String) {
    #expect(Spelling.nearest(to: word, among: names) == name)
  }

  @Test(arguments: ["", "x", "frobnicate", "retention", String(repeating: "a", count: 100_000)])
  func `a word unlike any name is not guessed`(word: String) {
    #expect(Spelling.nearest(to: word, among: names) == nil)
    #expect(Spelling.suggestion(word, among: names).isEmpty)
  }
}
