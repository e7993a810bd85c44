import Foundation
import Glibc

/// A real `logsd` that can be killed, stopped and started again in the same place.
///
/// Invariant behind `@unchecked Sendable`: only its test's thread touches it.
final class TestServer: @unchecked Sendable {
  enum Transport {
    case unix
    case tcp
    case tls
    /// In a WebSocket.
    case web
  }

  let scene: Scene
  let data: String
  private(set) var process: ChildProcess
  /// Where clients connect.
  private(set) var url: String
  /// Where `RawClient` connects, which speaks neither TLS nor HTTP.
  private let plainURL: String?
  /// Where clients may delete: over a Unix socket they are known as the server's user.
  var ownerURL: String { plainURL ?? url }
  private let flags: [String]
  private let environment: [String: String]
  /// What its clients need to know.
  let clientEnvironment: [String: String]

  /// Starts the server and waits until it accepts connections.
  init(
    _ scene: Scene, _ flags: [String] = [], data: String? = nil, transport: Transport = .unix,
    name: String = "server", environment: [String: String] = [:]
  ) throws {
    self.scene = scene
    self.data = data ?? scene.path("\(name).data")
    self.environment = environment
    var allFlags = flags
    var clientEnvironment: [String: String] = [:]
    var plainURL: String?
    switch transport {
    case .unix: url = Self.unixURL(scene, name: name)
    case .tcp: url = "logs://127.0.0.1:0"
    case .tls:
      url = "logs+tls://127.0.0.1:0"
      plainURL = Self.unixURL(scene, name: name)
      allFlags += ["--listen-unix", "\(scene.path(name)).sock"]
      let certificates = try TestCertificates(scene)
      allFlags += try certificates.serverFlags("localhost", "DNS:localhost,IP:127.0.0.1")
      clientEnvironment = ["LOGS_CA_CERT": certificates.authority]
    case .web:
      url = "logs+ws://127.0.0.1:0"
      plainURL = Self.unixURL(scene, name: name)
      allFlags += ["--listen-unix", "\(scene.path(name)).sock"]
    }
    (self.flags, self.clientEnvironment, self.plainURL) = (allFlags, clientEnvironment, plainURL)
    process = try Self.spawn(scene, self.data, url, allFlags, environment)
    url = try Self.ready(process, url)
  }

  /// Where a server of the scene will listen, for clients that start before it.
  static func unixURL(_ scene: Scene, name: String = "server") -> String { "logs+unix://\(scene.path(name)).sock" }

  private static func spawn(
    _ scene: Scene, _ data: String, _ url: String, _ flags: [String], _ environment: [String: String]
  ) throws -> ChildProcess {
    let listen: [String]
    if url.hasPrefix("logs+unix://") {
      listen = ["--listen", "none", "--listen-unix", String(url.dropFirst("logs+unix://".count))]
    } else if url.hasPrefix("logs+tls://") {
      listen = ["--listen", "none", "--listen-tls", String(url.dropFirst("logs+tls://".count))]
    } else if url.hasPrefix("logs+ws://") {
      listen = ["--listen", "none", "--listen-http", String(url.dropFirst("logs+ws://".count))]
    } else {
      listen = ["--listen", String(url.dropFirst("logs://".count))]
    }
    return try scene.start(
      Binaries.logsd, ["--data", data, "--shards", "2"] + listen + flags,
      environment: ["LOGSD_DISK_MIN_FREE": "0", "LOGSD_LOG_STREAM": "no"].merging(environment) { $1 })
  }

  private static func ready(_ process: ChildProcess, _ url: String) throws -> String {
    let door = url.hasPrefix("logs+tls") ? "logs+tls" : url.hasPrefix("logs+ws") ? "http" : nil
    do { try process.output.waitForLines(door == nil ? 1 : 2) } catch {
      throw Failure("logsd did not become ready: \(error); stderr: \(Sample(process.errors.bytes))")
    }
    let line = process.output.lines.first { $0.hasPrefix("ready \(door ?? "")") } ?? ""
    let ready = String(line.dropFirst("ready ".count))
    return door == "http" ? ready.replacing("http://", with: "logs+ws://") : ready
  }

  var socketPath: String { String(url.dropFirst("logs+unix://".count)) }

  /// Starts the server again, with the same data at the same endpoint.
  func restart() throws {
    process = try Self.spawn(scene, data, url, flags, environment)
    _ = try Self.ready(process, url)
  }

  /// Starts the server and kills it before it may have become ready.
  func startAndKill(afterSpins count: Int) throws {
    process = try Self.spawn(scene, data, url, flags, environment)
    for _ in 0..<count where process.hasEnded { break }
    try kill()
  }

  /// kill -9, and waits until the process is gone.
  func kill() throws {
    process.signal(SIGKILL)
    try process.wait()
  }

  /// Stops the server cleanly.
  @discardableResult func stop(_ signal: Int32 = SIGTERM) throws -> ChildProcess.Exit {
    process.signal(signal)
    return try process.wait()
  }

  // MARK: The command line against this server

  func start(
    _ words: [String], via url: String? = nil, environment: [String: String] = [:],
    input: ChildProcess.Input = .none, readsOutput: Bool = true, columnCount: Int? = nil
  ) throws -> ChildProcess {
    try scene.start(
      Binaries.logs, words + ["--server", url ?? self.url],
      environment: clientEnvironment.merging(environment) { $1 }, input: input,
      readsOutput: readsOutput, columnCount: columnCount)
  }

  func run(
    _ words: [String], via url: String? = nil, environment: [String: String] = [:],
    input: ChildProcess.Input = .none
  ) throws -> Finished {
    // Behind -- there are operands only.
    var words = words
    words.insert(contentsOf: ["--server", url ?? self.url], at: words.firstIndex(of: "--") ?? words.count)
    return try scene.run(
      Binaries.logs, words, environment: clientEnvironment.merging(environment) { $1 }, input: input)
  }

  /// All that is stored of a stream, as `-o raw` prints it.
  func stored(_ stream: String) throws -> [UInt8] {
    let finished = try run(["follow", stream, "-n", "all", "--until-head", "-o", "raw"])
    guard finished.exit == .code(0) else { throw Failure("follow ended with \(finished.exit): \(finished.errors)") }
    return finished.output
  }

  /// What `logs query` prints of a stream; nothing while there is no such stream.
  func queried(_ stream: String, _ flags: String...) throws -> [String] {
    let query = try run(["query", stream] + flags)
    if query.errors.contains("there is no stream '\(stream)'") { return [] }
    guard query.exit == .code(0) else { throw Failure("query ended with \(query.exit): \(query.errors)") }
    return query.lines
  }

  /// Waits until a number from STAT is as wanted: the server tells nobody when it changes.
  func wait(for key: String, until isWanted: (Int) -> Bool) throws {
    try Polling.wait(for: "the wanted '\(key)'") { try isWanted(fact(key)) }
  }

  /// A number from STAT.
  func fact(_ key: String) throws -> Int {
    let client = try RawClient(plainURL ?? url)
    defer { client.close() }
    try client.handshake()
    return try client.fact(key)
  }
}
