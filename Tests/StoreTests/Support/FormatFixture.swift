import Foundation
import LogsWire
import Testing

@testable import LogsSimulation
@testable import LogsStore

/// What the programs of an earlier format have left (`Scripts/make-format-fixtures.py`).
struct FormatFixture: CustomTestStringConvertible {
  enum State: String, CaseIterable {
    /// After `kill -9`, right behind an ACK.
    case killed
    /// After a start and an orderly stop.
    case clean
  }

  let format: Int64
  let state: State

  /// The formats that there is data of.
  static let formats: [Int64] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
    return names.compactMap { Int64($0) }.sorted()
  }()

  static let all = formats.flatMap { format in State.allCases.map { FormatFixture(format: format, state: $0) } }
  /// The latest that was left by an orderly stop.
  static let latest = FormatFixture(format: formats.last ?? 1, state: .clean)

  var testDescription: String { "format \(format), \(state)" }

  private static let root: URL = {
    var url = URL(filePath: #filePath)
    for _ in 0..<4 { url.deleteLastPathComponent() }
    return url.appending(path: "Tests/Formats")
  }()

  private func path(_ name: String) -> String { Self.root.appending(path: "\(format)/\(name)").path }

  /// Unpacks the data directory.
  func unpack(into directory: TestDirectory) throws {
    try FileManager.default.createDirectory(atPath: directory.data, withIntermediateDirectories: true)
    let tar = Process()
    tar.executableURL = URL(filePath: "/bin/tar")
    tar.arguments = ["-xzf", path("\(state.rawValue).tar.gz"), "-C", directory.data]
    try tar.run()
    tar.waitUntilExit()
    #expect(tar.terminationStatus == 0)
  }

  /// Every entry, as the server of that format delivered it.
  func entries() throws -> [String] { try lines("entries.txt") }

  /// A batch that its producer may send again.
  struct Append {
    var stream: String
    var producer: UInt64
    var number: UInt64
    var first: UInt64
    var count: UInt32
    var batch: Batch
  }

  func appends() throws -> [Append] {
    try lines("appends.txt").map { line in
      let words = line.split(separator: " ").map(String.init)
      let bytes = stride(from: 0, to: words[5].utf8.count, by: 2).map { offset in
        UInt8(words[5].dropFirst(offset).prefix(2), radix: 16) ?? 0
      }
      return Append(
        stream: words[0], producer: try #require(UInt64(words[1])), number: try #require(UInt64(words[2])),
        first: try #require(UInt64(words[3])), count: try #require(UInt32(words[4])),
        batch: try Batch(startOf: ByteString(bytes)))
    }
  }

  private func lines(_ name: String) throws -> [String] {
    try String(contentsOfFile: path(name), encoding: .utf8).split(separator: "\n").map(String.init)
  }
}

extension TestStore {
  /// Every entry of the streams that are not the server's own, in the form of `FormatFixture.entries`.
  func shown() throws -> [String] {
    var lines: [String] = []
    var decoder = BatchDecoder()
    for info in store.catalog.unsorted().sorted(by: { $0.name < $1.name }) where !info.name.text.hasPrefix("$") {
      lines.append("stream \(info.name) \(info.isSealed ? "sealed" : "open")")
      var position: UInt64 = 1
      var received: Int64?
      while position <= info.head {
        for piece in try read(ReadRequest(stream: info.id, from: position, to: info.head)).get().pieces {
          switch piece {
          case .skip(let numbers, let reason):
            lines.append("skip \(reason.rawValue) \(numbers.lowerBound) \(numbers.upperBound)")
            position = numbers.upperBound + 1
          case .batches(let run):
            for batch in try Batch.run(run.batches) {
              #expect(batch.hasValidCheck && batch.hasValidServerCheck(seed: info.serverSeed))
              for entry in try decoder.entries(of: batch) where run.numbers.contains(entry.sequence) {
                if entry.received != received { lines.append("received \(entry.received)") }
                received = entry.received
                lines += EntryText.lines(entry)
              }
            }
            position = run.last + 1
          }
        }
      }
    }
    return lines
  }
}
