import LogsWire
import Testing

@testable import LogsServer
@testable import LogsSimulation
@testable import LogsStore

/// Small commits of slow streams are compressed with a dictionary for who takes one.
@Suite struct LiveDictionaryTests {
  private static func dictionary(_ word: String = "answered", first: UInt64 = 1) throws -> StreamDictionary {
    let text = String(repeating: "GET /static/image.png \(word) 200 in 17 us; ", count: 20)
    return StreamDictionary(try BatchDictionary(content: ByteString(text)), first: first)
  }

  /// A scene whose follower is at the head of `web`, and takes dictionaries.
  private static func scene(
    _ terms: LiveDictionaries.Terms = terms, _ dictionary: StreamDictionary? = nil
  ) throws -> FollowScene {
    let scene = FollowScene(liveDictionaries: terms)
    scene.takesDictionaries = true
    scene.store.dictionary = { dictionary }
    try scene.append("web")
    scene.follow([.stream(try StreamName("web"))])
    #expect(scene.run().last == "live")
    return scene
  }

  /// The store is asked at once, and what it says used at once.
  private static var terms: LiveDictionaries.Terms {
    var terms = LiveDictionaries.Terms()
    (terms.askByteCountMin, terms.repayment) = (0, 0)
    return terms
  }

  private static let line = "GET /static/image.png answered 200 in 18 us"

  private static func pass(_ scene: FollowScene, _ milliseconds: UInt64) {
    scene.simulation.at(scene.simulation.milliseconds + milliseconds) {}
    scene.run(milliseconds: milliseconds)
  }

  /// Appends a line some time after the last one, and returns the codec in which it came and its text.
  private static func appended(
    _ scene: FollowScene, afterMilliseconds milliseconds: UInt64 = 100, _ text: String = line
  ) throws -> (codec: BatchHeader.Codec, text: String) {
    pass(scene, milliseconds)
    try scene.append("web", times: [5], messages: [text])
    let batch = try #require(scene.delivered.last)
    #expect(batch.hasValidCheck)
    var decoder = BatchDecoder()
    return (batch.header.codec, try decoder.entries(of: batch).map(\.text).joined())
  }

  @Test func `a follower gets the dictionary once it pays, and what comes from then on with it`() throws {
    var terms = LiveDictionaries.Terms()
    terms.askByteCountMin = 500
    let dictionary = try Self.dictionary()
    let scene = try Self.scene(terms, dictionary)
    var codecs: [BatchHeader.Codec] = []
    var byteCount = 0
    while scene.introduced.isEmpty, codecs.count < 100 {
      let (codec, text) = try Self.appended(scene)
      #expect(text == Self.line)
      codecs.append(codec)
      if codec != .zstdDictionary { byteCount += try #require(scene.delivered.last).bytes.count }
    }
    #expect(byteCount >= 2 * dictionary.dictionary.packed.count && byteCount >= terms.askByteCountMin)
    #expect(byteCount < 2 * dictionary.dictionary.packed.count + terms.askByteCountMin)
    #expect(codecs.dropLast().allSatisfy { $0 == .none } && codecs.last == .zstdDictionary)
    let batch = try #require(scene.delivered.last)
    #expect(batch.header.dictionary == dictionary.dictionary.id && batch.header.flags.contains(.reencoded))
    #expect(batch.header.count == 1 && batch.header.minTime == 5)
    // Of a line of 43 bytes.
    #expect(batch.bytes.count < byteCount / (codecs.count - 1) - 20)
    for _ in 0..<3 { #expect(try Self.appended(scene).codec == .zstdDictionary) }
    #expect(scene.store.dictionaryLookCount == 1 && scene.introduced.count == 1)
  }

  @Test func `all who take it get the same bytes, and who does not what the producer made`() throws {
    let scene = try Self.scene(Self.terms, try Self.dictionary())
    _ = try Self.appended(scene)
    scene.follow([.stream(try StreamName("web"))], id: 2)
    scene.run()
    _ = try Self.appended(scene)
    let compressed = scene.delivered.suffix(2)
    #expect(compressed.allSatisfy { $0.header.codec == .zstdDictionary })
    #expect(compressed.first?.bytes == compressed.last?.bytes)
    scene.takesDictionaries = false
    _ = try Self.appended(scene)
    let plain = scene.delivered.suffix(2)
    #expect(plain.allSatisfy { $0.header.codec == .none && !$0.header.flags.contains(.reencoded) })
  }

  @Test func `commits that come fast, or are large, go out as they are`() throws {
    let scene = try Self.scene(Self.terms, try Self.dictionary())
    _ = try Self.appended(scene)
    #expect(try Self.appended(scene).codec == .zstdDictionary)
    #expect(try Self.appended(scene, afterMilliseconds: 10).codec == .none)
    #expect(try Self.appended(scene).codec == .zstdDictionary)
    let bits = (0..<5_000).map { String(($0 &* 2_654_435_761) % 9_973) }.joined(separator: " ")
    #expect(try Self.appended(scene, bits).codec == .zstd)
  }

  @Test func `what is large before compression goes out as it is`() throws {
    let scene = try Self.scene(Self.terms, try Self.dictionary())
    _ = try Self.appended(scene)
    let (codec, text) = try Self.appended(scene, String(repeating: Self.line, count: 1_600))
    #expect(codec == .zstd && text.utf8.count > 64 << 10)
  }

  @Test func `without much room or credit a follower is sent no dictionary`() throws {
    let scene = try Self.scene(Self.terms, try Self.dictionary())
    _ = try Self.appended(scene)
    scene.credit = 60_000
    #expect(try Self.appended(scene).codec == .none)
    (scene.credit, scene.windowByteCount) = (.max, 16 << 10)
    #expect(try Self.appended(scene).codec == .none)
    scene.windowByteCount = 1 << 20
    #expect(try Self.appended(scene).codec == .zstdDictionary)
    // One that has it needs no room for it.
    scene.credit = 60_000
    #expect(try Self.appended(scene).codec == .zstdDictionary)
  }

  @Test func `a dictionary that others have pushed out on the connection has to pay again`() throws {
    var terms = Self.terms
    terms.repayment = 2
    let dictionary = try Self.dictionary()
    let scene = try Self.scene(terms, dictionary)
    while try Self.appended(scene).codec != .zstdDictionary {}
    scene.keepsDictionaries = false
    var byteCount = 0
    while try Self.appended(scene).codec != .zstdDictionary {
      byteCount += try #require(scene.delivered.last).bytes.count
    }
    #expect(byteCount >= dictionary.dictionary.packed.count)
  }

  @Test func `few followers are sent a dictionary with the same commit`() throws {
    let scene = try Self.scene(Self.terms, try Self.dictionary())
    scene.keepsDictionaries = false
    for id in 2...10 { scene.follow([.stream(try StreamName("web"))], id: UInt32(id), start: .now) }
    scene.run()
    _ = try Self.appended(scene)
    _ = try Self.appended(scene)
    #expect(scene.delivered.suffix(10).count { $0.header.codec == .zstdDictionary } == 8)
    #expect(scene.introduced.count == 8)
  }

  @Test func `what does not get smaller goes out as it is`() throws {
    let scene = try Self.scene(Self.terms, try Self.dictionary())
    _ = try Self.appended(scene)
    let (codec, text) = try Self.appended(scene, "ÄÖÜ")
    #expect(codec == .none && text == "ÄÖÜ")
  }

  @Test func `a dictionary with parts of what was deleted is given to nobody`() throws {
    let scene = try Self.scene(Self.terms, try Self.dictionary(first: 2))
    _ = try Self.appended(scene)
    #expect(try Self.appended(scene).codec == .zstdDictionary)
    scene.store.removals.add(Removal(numbers: 1...1, reason: .deleted, byteCount: 0))
    #expect(try Self.appended(scene).codec == .zstdDictionary)
    scene.store.removals.add(Removal(numbers: 3...3, reason: .deleted, byteCount: 0))
    #expect(try Self.appended(scene).codec == .none)
    // Nor is the store asked for it again and again.
    #expect(try Self.appended(scene).codec == .none)
    #expect(scene.store.dictionaryLookCount == 1)
  }

  @Test func `a dictionary whose segment retention has removed is given to nobody`() throws {
    let scene = try Self.scene(Self.terms, try Self.dictionary(first: 2))
    _ = try Self.appended(scene)
    #expect(try Self.appended(scene).codec == .zstdDictionary)
    scene.store.first = 3
    #expect(try Self.appended(scene).codec == .none)
  }

  @Test func `the store is asked again after a while, and a newer dictionary takes the place of the first`() throws {
    var terms = Self.terms
    (terms.lookInterval, terms.retryInterval) = (10_000_000_000, 10_000_000_000)
    let scene = try Self.scene(terms, nil)
    for _ in 0..<3 { #expect(try Self.appended(scene).codec == .none) }
    #expect(scene.store.dictionaryLookCount == 1)
    for word in ["answered", "refused"] {
      let dictionary = try Self.dictionary(word)
      scene.store.dictionary = { dictionary }
      _ = try Self.appended(scene, afterMilliseconds: 10_000)
      #expect(try Self.appended(scene).codec == .zstdDictionary)
      #expect(scene.introduced.last == dictionary.dictionary)
    }
    #expect(scene.store.dictionaryLookCount == 3)
  }

  @Test func `of more streams than may have one the first have a dictionary, until they are not used`() throws {
    var terms = Self.terms
    terms.lookInterval = 10_000_000_000
    let scene = try Self.scene(terms, try Self.dictionary())
    let names = try (0...LiveDictionaries.countMax).map { try StreamName("s\($0)") }
    for name in names { try scene.append(name.text) }
    scene.follow(names.map { .stream($0) }, id: 2)
    scene.run()
    func codecs(_ names: ArraySlice<StreamName>) throws -> [BatchHeader.Codec] {
      Self.pass(scene, 100)
      return try names.map { name in
        Self.pass(scene, 10)
        try scene.append(name.text, times: [1], messages: [Self.line])
        return try #require(scene.delivered.last).header.codec
      }
    }
    _ = try codecs(names[...])
    let first = try codecs(names[...])
    #expect(first.dropLast().allSatisfy { $0 == .zstdDictionary } && first.last == BatchHeader.Codec.none)
    #expect(scene.store.dictionaryLookCount == LiveDictionaries.countMax)
    Self.pass(scene, 11_000)
    // All are looked for anew, and the last one comes first.
    _ = try codecs(names[16...])
    #expect(try codecs(names[16...]) == [.zstdDictionary])
    #expect(scene.store.dictionaryLookCount == names.count)
  }
}
