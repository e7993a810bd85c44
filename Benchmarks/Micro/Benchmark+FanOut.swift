internal import LogsServer
internal import LogsTransport
internal import LogsWire

/// A server with followers on sockets.
extension Benchmark {
  package static var fanOut: [Benchmark] { [1, 100].map(fanOut) }

  /// What one more follower costs the server for each batch: the difference between a stream with few followers and one
  /// with many.
  private static func fanOut(_ entryCount: Int) -> Benchmark {
    Benchmark(
      "fan-out, \(entryCount), each follower", operations: 200 * (manyCount - fewCount),
      allocationsMax: AllocationLimits.fanOut
    ) {
      let scene = try await Scene(entryCount: entryCount)
      return Prepared(entryCount: entryCount) { count in
        precondition(count % (manyCount - fewCount) == 0, "operations are deliveries to all the followers more")
        let commitCount = count / (manyCount - fewCount)
        let few = try scene.deliver(to: scene.few, commitCount)
        return try scene.deliver(to: scene.many, commitCount) - few
      } end: {
        await scene.end()
      }
    }
  }

  private static let fewCount = 1
  private static let manyCount = 101

  private final class Scene {
    /// A stream and its followers.
    struct Stream {
      let name: StreamName
      let followers: [BenchSocket]
    }

    let few: Stream
    let many: Stream
    private let server: Server
    private let directory: WorkDirectory
    private let producer: BenchSocket
    private let batch: Batch
    /// The last batch's number of the one producer on each stream.
    private var numbers: [StreamName: UInt64] = [:]

    init(entryCount: Int) async throws {
      directory = try WorkDirectory()
      batch = try SampleEntries.batch(entryCount)
      var configuration = ServerConfiguration()
      configuration.dataDirectory = directory.data
      configuration.endpoints = [.unix(path: directory.socket)]
      // Nobody answers.
      configuration.heartbeat = .seconds(3_600)
      server = try await Server.start(configuration) { _ in }
      producer = try Self.connected(directory.socket)
      few = try Self.stream("few", followerCount: fewCount, directory.socket)
      many = try Self.stream("many", followerCount: manyCount, directory.socket)
      // From the second commit on every follower is live, and every delivery is the same.
      for stream in [few, many] { _ = try deliverFirst(to: stream) }
    }

    private static func connected(_ path: String) throws -> BenchSocket {
      let socket = try BenchSocket(path)
      try socket.send(Message.hello(Hello(frameByteCountMax: 4 << 20, client: "microbench")).frame(id: 0))
      guard case .welcome = try socket.receive() else { throw BenchmarkError("the server sent no WELCOME") }
      return socket
    }

    private static func stream(_ name: String, followerCount: Int, _ path: String) throws -> Stream {
      let name = try StreamName(name)
      let follow = Message.follow(Follow(credit: 1 << 50, selectors: [.stream(name)], start: .first)).frame(id: 1)
      let followers = try (0..<followerCount).map { _ in
        let socket = try connected(path)
        try socket.send(follow)
        guard case .resolved = try socket.receive() else { throw BenchmarkError("the server sent no RESOLVED") }
        guard case .live = try socket.receive() else { throw BenchmarkError("the server sent no LIVE") }
        return socket
      }
      return Stream(name: name, followers: followers)
    }

    private func append(to stream: Stream) throws {
      let number = numbers[stream.name, default: 0] + 1
      numbers[stream.name] = number
      let append = Append(
        producer: ProducerID(high: 1, low: 1), number: number, floor: 1, stream: stream.name, batch: batch.bytes)
      try producer.send(Message.append(append).frame(id: 1))
      guard case .ack = try producer.receive() else { throw BenchmarkError("an append was refused") }
    }

    private func deliverFirst(to stream: Stream) throws {
      try append(to: stream)
      for follower in stream.followers {
        guard case .stream = try follower.receive() else { throw BenchmarkError("the server sent no STREAM") }
        guard case .batch = try follower.receive() else { throw BenchmarkError("the server sent no BATCH") }
      }
    }

    /// - Returns: what the server used for this many batches.
    func deliver(to stream: Stream, _ commitCount: Int) throws -> Usage {
      let byteCount = Message.batch(BatchRange(handle: 0, from: 1, to: 1), batches: batch.bytes).frame(id: 1).byteCount
      let before = Usage.ofOtherThreads()
      for _ in 0..<commitCount {
        try append(to: stream)
        for follower in stream.followers { try follower.read(byteCount) }
      }
      return Usage.ofOtherThreads() - before
    }

    func end() async {
      await server.drain()
      do { try directory.remove() } catch { print("\(directory.path) is left: \(error)") }
    }
  }
}
