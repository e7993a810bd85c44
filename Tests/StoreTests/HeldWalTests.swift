import LogsDisk
import LogsWire
import Testing

@testable import LogsStore

/// Another program that reads a segment in one long transaction.
@Suite struct HeldWalTests {
  @Test func `a reader that never ends costs a segment, not the disk`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    configuration.walByteCountMax = 32 << 10
    configuration.upkeepRetryInterval = .milliseconds(20)
    let test = try TestStore(configuration, in: directory)
    let text = String(repeating: "x", count: 20_000)
    test.append("web", .test(text), number: 1)

    let reader = try Database(StorePaths(directory: directory.data).segment(1), mode: .readOnly, vfs: nil)
    try reader.execute("BEGIN")
    _ = try reader.integer("SELECT count(*) FROM runs")

    var number: UInt64 = 1
    while test.store.statistics.segmentCount == 1, number < 2_000 {
      number += 1
      #expect(test.append("web", .test(text), number: number)?.first == number)
    }
    #expect(test.sink.waitForLine("segment 2 is active"))
    #expect(test.sink.lines.count { $0.contains("reads \(directory.data)/segments/0000000001.db in one long") } == 1)
    #expect(test.sink.waitForLine("segment 1 cannot be sealed while another program has"))
    for _ in 0..<20 {
      number += 1
      #expect(test.append("web", .test(text), number: number)?.first == number)
    }
    #expect(test.store.statistics.walByteCount < 64 * configuration.walByteCountMax)
    #expect(try test.readAll("web").texts.count == Int(number))

    try reader.execute("COMMIT")
    drop(reader)
    #expect(test.sink.waitForLine("segment 1 is sealed"))
    #expect(try test.readAll("web").texts.count == Int(number))
  }

  /// Closes the connection, which would otherwise live until the end of the test.
  private func drop(_ connection: consuming Database) {}
}
