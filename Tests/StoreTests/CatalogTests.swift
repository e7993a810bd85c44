import LogsWire
import Testing

@testable import LogsStore

@Suite struct CatalogTests {
  @Test func `streams of any number of commits stand in the order of their names`() {
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
      #expect(catalog.all().map(\.name) == names.sorted())
    }
    let last = names.max()
    catalog.publish([StreamInfo(id: 1_000_000, name: StreamName(stored: "a"), incarnation: Incarnation(1))])
    #expect(catalog.streams(after: nil, limit: 1) { _ in true }.map(\.name.text) == ["a"])
    #expect(catalog.streams(after: last, limit: 1) { _ in true }.isEmpty)
  }
}
