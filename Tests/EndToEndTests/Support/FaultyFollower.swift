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
  /// Waits until it has received the entry with this number.
  func wait(for sequence: UInt64, within patience: Duration) throws
  /// Ends it.
  ///
  /// - Returns: what it received, by one process after the other, and what else it noticed.
  func end() throws -> (runs: [[DeliveryChecker.Read]], problems: [String])
}

/// `logs follow -o json`, with a cursor file or without.
final class CommandFollower: FaultyFollower {
  let name: String
  let link: FaultyProxy
  private let server: TestServer
  private let cursorFile: String?
  private var stream = ""
  private var process: ChildProcess?
  private var runs: [[DeliveryChecker.Read]] = []

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
    guard let process else { return }
    do { try process.output.waitForText("\"seq\":\(sequence),", within: patience) } catch {
      // Given to the previous process, whose cursor is behind it.
      let isGiven = runs.contains { $0.contains { $0.sequence >= sequence } }
      if !isGiven {
        throw Failure("number \(sequence) did not come; stderr: \(Sample(process.errors.bytes)); \(error)")
      }
    }
  }

  func end() throws -> (runs: [[DeliveryChecker.Read]], problems: [String]) {
    try collect()
    return (runs, [])
  }

  private func collect() throws {
    guard let process else { return }
    process.signal(SIGKILL)
    try process.wait()
    runs.append(try process.output.lines.map(Self.read))
    self.process = nil
  }

  /// The content of a line of `-o json`. The producers' messages need no unescaping.
  static func read(_ line: String) throws -> DeliveryChecker.Read {
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
