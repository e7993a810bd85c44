import LogsWire
import Testing

@testable import LogsStore

@Suite struct CatalogTests {
  @Test func `streams of any number of commits are in the order of their names`() throws {
    var generator = SeededGenerator(seed: 7)
    let catalog = Catalog()
    var names: Set<StreamName> = []
    for count in [0, 1, 2, 40, 1, 0, 300, 7, 1] {
      var added: [StreamInfo] = []
      for _ in 0..<count {
        let name = StreamName(stored: "s\(generator.below(100_000))")
        guard names.insert(name).inserted else { continue }
        added.append(StreamInfo(id: Int64(names.count), name: name, incarnation: Incarnation(1)))
      }
      catalog.publish(added)
      #expect(catalog.streams(from: "", beginningWith: "", limit: 1_000).map(\.name) == names.sorted())
    }
    let last = try #require(names.max()).text
    catalog.publish([StreamInfo(id: 1_000_000, name: StreamName(stored: "a"), incarnation: Incarnation(1))])
    func texts(from text: String, _ prefix: String = "") -> [String] {
      catalog.streams(from: text, beginningWith: prefix, limit: 2).map(\.name.text)
    }
    #expect(texts(from: "").first == "a")
    #expect(texts(from: last + "\0") == [])
    let some = names.sorted().map(\.text).filter { $0.hasPrefix("s4") }
    #expect(texts(from: "", "s4") == Array(some.prefix(2)))
    #expect(texts(from: "s5", "s4").isEmpty)
    #expect(texts(from: some[1], "s4").first == some[1])
    let born = catalog.streams(bornAfter: Int64(names.count) - 2, limit: 9).map(\.id)
    #expect(born == [Int64(names.count) - 1, Int64(names.count), 1_000_000])
    #expect(catalog.streams(bornAfter: 0, limit: 3).map(\.id) == [1, 2, 3])
    #expect(catalog.streams(bornAfter: 1_000_000, limit: 3).isEmpty)
  }
}
