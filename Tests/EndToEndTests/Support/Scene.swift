import Foundation
import Glibc
import Synchronization
import Testing

/// The environment of a test: a directory of its own, and processes that end with it.
final class Scene: Sendable {
  let directory: String

  private struct Owned {
    var processes: [ChildProcess] = []
    var cleanUps: [@Sendable () -> Void] = []
  }
  private let owned = Mutex(Owned())

  private init() throws {
    // Short: the path of a Unix socket has 107 bytes at most.
    var template = Array("/tmp/logs-e2e-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Failure.errno("mkdtemp") }
    directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Runs `body` in a new scene; afterwards its processes have ended and its directory is gone.
  static func play<Result>(_ body: (Scene) throws -> Result) throws -> Result {
    let scene = try Scene()
    defer { scene.end() }
    return try body(scene)
  }

  /// The same for an asynchronous test.
  static func play<Result>(_ body: (Scene) async throws -> Result) async throws -> Result {
    let scene = try Scene()
    defer { scene.end() }
    return try await body(scene)
  }

  private func end() {
    let owned = owned.withLock { owned in
      defer { owned = Owned() }
      return owned
    }
    for process in owned.processes.reversed() { process.destroy() }
    for cleanUp in owned.cleanUps.reversed() { cleanUp() }
    do { try FileManager.default.removeItem(atPath: directory) } catch { print("\(directory) stays: \(error)") }
  }

  /// Runs when the scene ends, after its processes.
  func atEnd(_ cleanUp: @escaping @Sendable () -> Void) { owned.withLock { $0.cleanUps.append(cleanUp) } }

  func path(_ name: String) -> String { "\(directory)/\(name)" }

  /// A directory on a disk of that size, until the scene ends; nil where none can be mounted, which is reported.
  func smallDisk(mebibytes: Int) throws -> String? {
    let disk = path("disk")
    try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: false)
    guard mount("tmpfs", disk, "tmpfs", 0, "size=\(mebibytes)m") == 0 else {
      print("skipped: a small disk cannot be mounted here (\(String(cString: strerror(errno))))")
      return nil
    }
    atEnd { umount2(disk, Int32(MNT_DETACH)) }
    return disk
  }

  /// A file with `content`; its path.
  @discardableResult func file(_ name: String, _ content: some Sequence<UInt8>) throws -> String {
    try Data(content).write(to: URL(fileURLWithPath: path(name)))
    return path(name)
  }

  /// A copy of a program, to be started. A process of its own makes it: what this one has open for writing may be
  /// inherited by a process that another test just starts, and then the copy is busy.
  func program(_ name: String, copyOf original: String) throws -> String {
    expectSuccess(try run("/bin/cp", [original, path(name)]))
    return path(name)
  }

  func start(
    _ program: String, _ arguments: [String], environment: [String: String] = [:],
    input: ChildProcess.Input = .none, descriptors: [Int32] = [], readsOutput: Bool = true, columnCount: Int? = nil
  ) throws -> ChildProcess {
    let process = try ChildProcess(
      program, arguments, environment: environment, input: input, descriptors: descriptors, readsOutput: readsOutput,
      columnCount: columnCount)
    owned.withLock { $0.processes.append(process) }
    return process
  }

  /// Runs a program to its end.
  func run(
    _ program: String, _ arguments: [String], environment: [String: String] = [:],
    input: ChildProcess.Input = .none
  ) throws -> Finished {
    let process = try start(program, arguments, environment: environment, input: input)
    let exit = try process.wait()
    return Finished(exit: exit, output: process.output.bytes, errors: Self.withoutWaiting(process.errors.text))
  }

  /// Without the note that a server has not answered for two seconds: on a busy machine any command may print it.
  private static func withoutWaiting(_ errors: String) -> String {
    errors.replacing(/logs: no answer from [^\n]* yet; it is waited for \(Ctrl-C ends it\)\n/, with: "")
  }
}

/// The outcome of a program.
struct Finished {
  let exit: ChildProcess.Exit
  let output: [UInt8]
  let errors: String

  var text: String { String(decoding: output, as: UTF8.self) }
  var lines: [String] { text.split(separator: "\n").map(String.init) }
  var errorLines: [String] { errors.split(separator: "\n").map(String.init) }
}

/// Expects that a program has ended without a failure; otherwise the test shows what the program said.
func expectSuccess(_ finished: Finished, sourceLocation: SourceLocation = #_sourceLocation) {
  #expect(
    finished.exit == .code(0), "\(finished.text.suffix(2_000))\n\(finished.errors.suffix(2_000))",
    sourceLocation: sourceLocation)
}
