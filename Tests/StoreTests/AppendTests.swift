import LogsWire
import Testing

@testable import LogsStore

@Suite struct AppendTests {
  @Test func `appended entries are read back, and again after a restart`() throws {
    let directory = TestDirectory()
    var incarnation: Incarnation?
    do {
      let test = try TestStore(directory)
      #expect(test.append("web", .test(["a", "b"]), number: 1)?.first == 1)
      #expect(test.append("web", .test(["c"]), number: 2)?.first == 3)
      #expect(test.append("db", .test(["x"]), number: 1)?.first == 1)
      #expect(try test.readAll("web").texts == ["a", "b", "c"])
      #expect(test.store.streams(from: "", limit: 10).map(\.name.text) == ["db", "web"])
      incarnation = test.info("web")?.incarnation
      test.close()
    }
    let test = try TestStore(directory)
    #expect(test.info("web")?.head == 3)
    #expect(test.info("web")?.entryCount == 3)
    #expect(test.info("web")?.incarnation == incarnation)
    #expect(try test.readAll("web").texts == ["a", "b", "c"])
    #expect(test.append("web", .test(["d"]), number: 3)?.first == 4)
    #expect(try test.readAll("web").texts == ["a", "b", "c", "d"])
    #expect(try test.readAll("db").texts == ["x"])
  }
}
