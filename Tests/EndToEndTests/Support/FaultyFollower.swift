import Glibc

/// A follower of a stream behind a link with faults, which is asked in the end what it received.
protocol FaultyFollower: AnyObject {
  var name: String { get }
  var link: FaultyProxy { get }
  /// Whether it remembers its position over a kill.
  var outlivesKills: Bool { get }

  func begin(_ stream: String) throws
  /// kill -9 and a restart; does nothing before it has begun.
  ///
  /// - Returns: whether it had.
  func killAndRestart() throws -> Bool
  /// Waits until it has received the entry with this number, or that it was removed.
  func wait(for sequence: UInt64, within patience: Duration) throws
  /// Ends it.
  ///
  /// - Returns: what it received, by one process after the other, and what else it noticed.
  func end() throws -> (runs: [DeliveryChecker.Run], problems: [String])
}

/// `logs follow -o json`, with a cursor file or without.
final class CommandFollower: FaultyFollower {
  let name: String
  let link: FaultyProxy
  private let server: TestServer
  private let cursorFile: String?
  private var stream = ""
  private var process: ChildProcess?
  private var runs: [DeliveryChecker.Run] = []

  init(_ name: String, _ server: TestServer, hasCursorFile: Bool) throws {
    self.name = name
    self.server = server
    link = try FaultyProxy.start(server, [])
    cursorFile = hasCursorFile ? server.scene.path("\(name).cursor") : nil
  }

  var outlivesKills: Bool { cursorFile != nil }

  func begin(_ stream: String) throws {
    self.stream = stream
    runs = []
    if let cursorFile, access(cursorFile, F_OK) == 0 { unlink(cursorFile) }
    try start()
  }

  private func start() throws {
    let cursor = cursorFile.map { ["--cursor-file", $0] } ?? []
    process = try server.start(["follow", stream, "-n", "all", "-o", "json"] + cursor, via: link.url)
  }

  func killAndRestart() throws -> Bool {
    guard process != nil else { return false }
    try collect()
    try start()
    return true
  }

  func wait(for sequence: UInt64, within patience: Duration) throws {
    // Or given to a previous process.
    guard let process, !runs.contains(where: { $0.end >= sequence }) else { return }
    do {
      try Polling.wait(for: "number \(sequence)", within: patience) {
        // It comes last, and in one stream of output or the other.
        let end = process.output.bytes.suffix(Self.lineByteCountMax)
        let lines = end[..<(end.lastIndex(of: UInt8(ascii: "\n")) ?? end.startIndex)]
        if String(decoding: lines, as: UTF8.self).contains("\"seq\":\(sequence),") {
          return true
        }
        if Self.removals(process).contains(where: { $0.numbers.contains(sequence) }) { return true }
        if process.hasEnded { throw Failure("it has ended") }
        return false
      }
    } catch { throw Failure("\(error); stderr: \(Sample(process.errors.bytes))") }
  }

  private static let lineByteCountMax = 20_000

  func end() throws -> (runs: [DeliveryChecker.Run], problems: [String]) {
    try collect()
    return (runs, [])
  }

  private func collect() throws {
    guard let process else { return }
    process.signal(SIGKILL)
    try process.wait()
    runs.append(try Self.run(process))
    self.process = nil
  }

  /// What a `logs follow -o json` has got.
  static func run(_ process: ChildProcess) throws -> DeliveryChecker.Run {
    DeliveryChecker.Run(reads: try process.output.lines.map(read), removals: removals(process))
  }

  private static func removals(_ process: ChildProcess) -> [DeliveryChecker.Removal] {
    let notice = /(?:entry|entries) (deleted|trimmed by retention), sequence numbers (\d+) to (\d+)/
    return process.errors.lines.compactMap { line in
      guard line.contains(", sequence numbers "), let match = line.firstMatch(of: notice),
        let first = UInt64(match.2), let last = UInt64(match.3)
      else { return nil }
      return DeliveryChecker.Removal(numbers: first...last, reason: match.1 == "deleted" ? .deleted : .trimmed)
    }
  }

  /// The content of a line of `-o json`. The producers' messages need no unescaping.
  private static func read(_ line: String) throws -> DeliveryChecker.Read {
    guard let number = value(in: line, after: #""seq":"#, until: ","), let sequence = UInt64(number),
      let message = value(in: line, after: #""message":""#, until: "\"")
    else { throw Failure("no entry: \(line)") }
    return DeliveryChecker.Read(sequence: sequence, text: message)
  }

  private static func value(in line: String, after key: String, until end: Unicode.Scalar) -> String? {
    line.withCString { line in
      guard let found = strstr(line, key) else { return nil }
      let start = found + key.utf8.count
      guard let stop = strchr(start, Int32(end.value)) else { return nil }
      return start.withMemoryRebound(to: UInt8.self, capacity: stop - start) {
        String(decoding: UnsafeBufferPointer(start: $0, count: stop - start), as: UTF8.self)
      }
    }
  }
}
