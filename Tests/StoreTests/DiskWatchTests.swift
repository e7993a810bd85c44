import Testing

@testable import LogsStore

@Suite struct DiskWatchTests {
  @Test func `a disk that fills is reported once, before appends are refused`() {
    var watch = DiskWatch()
    func look(_ free: Int, min: Int = 100 << 20) -> String? {
      watch.look(free: free << 20, min: min, directory: "/d")?.text
    }
    #expect([300, 200].compactMap { look($0) }.isEmpty)
    #expect(look(199)?.hasPrefix("the disk of /d fills: 199 MiB are free, and with less than 100 MiB") == true)
    // Neither each change nor the refusal itself is another line; room for good ends it.
    #expect([150, 99, 0, 150, 250, 150].compactMap { look($0) }.isEmpty)
    #expect([300, 150].compactMap { look($0) }.count == 1)
    // Full from one look to the next: the refusal says it.
    #expect([300, 50, 150].compactMap { look($0) }.isEmpty)
    #expect(look(1, min: 0) == nil && look(1 << 20, min: .max) == nil)
  }
}
