import Glibc
import LogsWire
import Testing

@testable import LogsClient

/// A backlog costs disk space, not memory. `LOGS_TEST_SPOOL_BATCHES` sets the number of batches of the long one.
@Suite struct SpoolSizeTests {
  /// Resident memory of the process, without files.
  private static func residentByteCount() -> Int {
    guard let file = fopen("/proc/self/status", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, Int32(line.count), file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if text.hasPrefix("RssAnon:") { return (Int(text.filter(\.isNumber)) ?? 0) << 10 }
    }
    return 0
  }

  private static func milliseconds(_ body: () throws -> Void) rethrows -> Int64 {
    let clock = ContinuousClock()
    let time = try clock.measure(body)
    return time.components.seconds * 1000 + time.components.attoseconds / 1_000_000_000_000_000
  }

  @Test(arguments: [false, true])
  func `a hundred times the batches take no more memory, and hardly longer to open`(isLarge: Bool) throws {
    let asked = getenv("LOGS_TEST_SPOOL_BATCHES").flatMap { Int(String(cString: $0)) }
    let countMax = isLarge ? 1_000 : asked ?? 20_000
    var generator = SeededGenerator(seed: 1)
    let content =
      isLarge ? EncodedBatch.large(100_000, using: &generator).content : TestBatches.content("GET / 200")
    var resident: [Int] = []
    for count in [countMax / 100, countMax] {
      let directory = try TestDirectory()
      var inMemory = 0
      do {
        let test = try TestSpool(directory.path)
        let step = isLarge ? 20 : 1_000
        var stored = 0
        while stored < count {
          let drafts = (0..<min(step, count - stored)).map {
            EncodedBatch(stream: web, content: content, entryCount: 1, accepted: Int64($0 + 1))
          }
          _ = try test.spool.store(drafts, removing: [])
          stored += drafts.count
        }
        inMemory = Self.residentByteCount()
      }
      var test: TestSpool?
      let opening = try Self.milliseconds { test = try TestSpool(directory.path) }
      let opened = try #require(test)
      #expect(opened.spool.totals.batchCount == count)
      #expect(try opened.window().count == min(count, 32))
      print(
        """
        spool of \(count) batches, \(opened.spool.totals.byteCount >> 10) KiB: opened in \(opening) ms; resident \
        \(inMemory >> 20) MiB
        """
      )
      resident.append(inMemory)
    }
    // Other tests run in parallel: the limit is far above its own use, and below the size of the large backlog.
    if asked != nil || isLarge { #expect(resident[1] - resident[0] < 80 << 20) }
  }
}
