import Glibc
import LogsTransport
import LogsWire
import Testing

@testable import LogsClient
@testable import LogsShip

/// An engine and a source on one loop, on which everything of it is used.
final class DockerRig: @unchecked Sendable {
  let loop: EventLoop
  let path: String
  var configuration: DockerSourceConfiguration
  private(set) var desk: TestDesk!
  private(set) var engine: FakeEngine!
  private(set) var source: DockerSource?
  private var others: [DockerSource] = []

  private static let lookCountMin = 5_000

  init() async throws {
    loop = try EventLoop.start(name: "test")
    path = "/tmp/logs-docker-test-\(UInt32.random(in: 0 ... .max)).sock"
    configuration = DockerSourceConfiguration(name: "docker", lines: LinePipeline.Configuration())
    configuration.lines.format = .raw
    configuration.lines.grouping = .none
    configuration.address = .unix(path: path)
    try await on { rig in
      rig.desk = TestDesk(rig.loop)
      rig.engine = try FakeEngine(rig.path, rig.loop)
    }
  }

  /// A rig whose container `web` has one line and is followed.
  static func following(isTerminal: Bool = false) async throws -> (rig: DockerRig, id: String) {
    let rig = try await DockerRig()
    let id = try await rig.on { rig in
      let id = rig.engine.create("web", isTerminal: isTerminal, isRotated: true)
      rig.engine.write(id, 1, "first")
      rig.engine.now += 10_000_000_000
      rig.begin()
      return id
    }
    try await rig.until("the follow") { $0.lines("docker/web") == ["first"] && $0.engine.followerCount == 1 }
    return (rig, id)
  }

  func on<Value: Sendable>(_ body: @escaping @Sendable (DockerRig) throws -> Value) async throws -> Value {
    let result: Result<Value, any Error> = await withCheckedContinuation { continuation in
      loop.execute { continuation.resume(returning: Result { try body(self) }) }
    }
    return try result.get()
  }

  /// Gives turns until `condition` holds, which is looked for often before it counts as never coming: a test that waits
  /// for a thread of its own keeps this one from looking for longer than any patience.
  func until(_ what: Comment, _ condition: @escaping @Sendable (DockerRig) -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(300)
    var count = 0
    while ContinuousClock.now < deadline || count < Self.lookCountMin {
      count += 1
      let holds = try await on { rig in
        try rig.desk.giveTurns()
        return condition(rig)
      }
      if holds { return }
      try await Task.sleep(for: .milliseconds(1))
    }
    let found = try await on { rig in
      """
      \(rig.engine.followerCount) followers, \(rig.desk.waiting.count) readers that wait for a turn, problem: \
      \(rig.source?.problem ?? "none"); requests: \(rig.engine.requests.suffix(8)); logged: \(rig.desk.logged.suffix(4))
      """
    }
    Issue.record("\(what) did not come within 30 s: \(found)")
  }

  func begin() {
    let source = DockerSource(configuration)
    self.source = source
    source.begin(desk)
  }

  /// A second source of the same engine and desk.
  func beginOther(_ name: String, _ stream: String) throws {
    var configuration = configuration
    configuration.name = name
    configuration.stream = try StreamTemplate(stream, words: DockerSourceConfiguration.streamWords)
    let source = DockerSource(configuration)
    others.append(source)
    source.begin(desk)
  }

  /// As kill -9: what is on the way is lost.
  func kill() {
    source?.end()
    source = nil
    for other in others { other.end() }
    others = []
    for reader in desk.waiting { desk.forget(reader) }
  }

  func end() async throws {
    try await on { rig in
      rig.kill()
      rig.engine.stop()
    }
    loop.stop()
    unlink(path)
  }

  /// The same, of a container `web` that was found running and of which these lines must have come.
  func end(havingShipped lines: [String], sourceLocation: SourceLocation = #_sourceLocation) async throws {
    #expect(try await on { $0.lines("docker/web") } == lines, sourceLocation: sourceLocation)
    #expect(try await on { $0.statuses("docker/web") } == ["start"], sourceLocation: sourceLocation)
    try await end()
  }

  func lines(_ stream: String) -> [String] {
    desk.shipped.filter { $0.stream.text == stream && $0.entry.kind == .log }.map(\.entry.text)
  }

  func statuses(_ stream: String) -> [String] {
    desk.shipped.filter { $0.stream.text == stream && $0.entry.kind == .status }.map {
      $0.entry.attributes["action"]?.text ?? ""
    }
  }
}
