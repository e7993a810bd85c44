import FaultMessages
import Glibc

/// A producer with a spool, in a process that is killed and started again, behind a link with faults.
///
/// The output of a killed process says how far it came: each line was written before the next step was taken.
final class FaultyProducer {
  let number: Int
  let link: FaultyProxy
  private let scene: Scene
  private let spool: String
  private let clientEnvironment: [String: String]
  private var stream = ""
  private var last = 0
  private(set) var process: ChildProcess?
  /// What earlier processes have reported.
  private var reported: [String] = []

  init(_ number: Int, _ server: TestServer) throws {
    self.number = number
    scene = server.scene
    clientEnvironment = server.clientEnvironment
    link = try FaultyProxy.start(server, [])
    spool = server.scene.path("spool-\(number)")
  }

  /// Begins a stream: entries 1 to `last`.
  func begin(_ stream: String, last: Int, _ random: inout Seeded) throws {
    self.stream = stream
    self.last = last
    reported = []
    try start(from: 1, &random)
  }

  private func start(from number: Int, _ random: inout Seeded) throws {
    process = try scene.start(
      Binaries.faultProducer,
      [
        "hand", "server=\(link.url)", "stream=\(stream)", "spool=\(spool)", "producer=\(self.number)", "from=\(number)",
        "last=\(last)", "pieces=\(Int.random(in: 1...60, using: &random))",
        "pause=\(Int.random(in: 0...4, using: &random))", "seed=\(UInt32.random(in: .min ... .max, using: &random))",
      ], environment: clientEnvironment)
  }

  /// Waits until it has written that many more lines, or has ended.
  func wait(forLines count: Int) throws {
    guard let output = process?.output else { return }
    let wanted = output.lineCount + count
    _ = try output.wait(for: "a line of producer \(number)") { $1 >= wanted }
  }

  /// kill -9, unless it has already ended.
  ///
  /// - Returns: whether it was killed.
  func kill() throws -> Bool {
    guard let process else { return false }
    process.signal(SIGKILL)
    return try process.wait() == .signal(SIGKILL)
  }

  /// Starts it again after a kill, after the last entry that it ever tried to hand over.
  func restart(_ random: inout Seeded) throws {
    let lines = process?.output.lines ?? []
    reported += lines
    var handedLast = 0
    for line in reported { if case .handing(let numbers) = FaultReport(line: line) { handedLast = numbers.upperBound } }
    try start(from: handedLast + 1, &random)
  }

  /// Waits until it has handed over everything and all of it is acknowledged, and tells the checker what it has
  /// reported.
  func finish(within patience: Duration, _ checker: inout DeliveryChecker) throws {
    guard let process else { return }
    let name = "producer \(number)"
    do {
      let exit = try process.wait(within: patience)
      if exit != .code(0) {
        checker.note(
          .progress, "\(name) ended with \(exit): \(Sample(process.output.bytes)), \(Sample(process.errors.bytes))")
      }
    } catch {
      checker.note(.progress, "\(name): \(error)")
      process.destroy()
    }
    for line in reported + process.output.lines {
      guard let report = FaultReport(line: line) else { throw Failure("\(name) said '\(line)'") }
      checker.note(report, of: number)
    }
  }
}
