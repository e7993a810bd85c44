import Foundation
import LogsWire
import Testing

@testable import LogsStore

/// On a disk that really is full. Runs where `LOGS_STORE_SMALL_DISK` names a directory on a file system of some 40 MB:
/// `mount -t tmpfs -o size=40m tmpfs /mnt/small`.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["LOGS_STORE_SMALL_DISK"] != nil)) struct SmallDiskTests {
  @Test func `a store on a disk that fills up refuses appends, and goes on when there is space`() throws {
    let disk = try #require(ProcessInfo.processInfo.environment["LOGS_STORE_SMALL_DISK"])
    let directory = TestDirectory(under: disk)
    var configuration = TestStore.configuration(directory)
    configuration.segmentByteCountMax = 8 << 20
    configuration.upkeepRetryInterval = .milliseconds(50)
    let filler = directory.path + "/filler"
    #expect(FileManager.default.createFile(atPath: filler, contents: Data(count: 16 << 20)))
    let test = try TestStore(configuration)
    let text = String(repeating: "x", count: 100_000)
    var number: UInt64 = 0
    var refusal: Refusal?
    while refusal == nil, number < 10_000 {
      number += 1
      refusal = test.append("web", .test(text), number: number)?.refusal
    }
    #expect(refusal?.code == .diskFull)
    #expect(test.append("web", .test(text), number: number - 1)?.isDuplicate == true)
    #expect(try test.readAll("web").texts.count == Int(number) - 1)
    for _ in 0..<100 { #expect(test.append("web", .test(text), number: number)?.refusal?.code == .diskFull) }
    try FileManager.default.removeItem(atPath: filler)
    for _ in 0..<50 {
      #expect(test.append("web", .test(text), number: number)?.first == number)
      number += 1
    }
    #expect(try test.readAll("web").texts.count == Int(number) - 1)
    test.close()
    #expect(test.sink.monitor.withLock { $0.error } == nil)
    let again = try TestStore(configuration)
    #expect(try again.readAll("web").texts.count == Int(number) - 1)
    #expect(again.append("web", .test(text), number: number)?.first == number)
  }
}
