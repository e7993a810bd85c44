import LogsSystem
import LogsTransport
import LogsWire

/// An in-process server with streams in memory, which can fail on request.
///
/// Invariant behind `@unchecked Sendable`: mutable state is touched only on its loop.
final class FakeServer: @unchecked Sendable {
  /// What goes wrong, and when.
  struct Faults {
    /// For each connection in turn, after how many frames it is cut. Later connections are not cut.
    var cuts: [Int] = []
    /// Whether a cut connection gets the first half of one more frame.
    var cutsInsideFrame = false
    /// For each connection in turn, the frame with a changed byte.
    var corruptions: [Int] = []
    /// For each connection in turn, the piece of input with a changed bit in its middle.
    var inputCorruptions: [Int] = []
    /// How many acknowledgements are lost, each along with its connection.
    var lostAckCount = 0
    var onAppend: (Append) -> Refusal? = { _ in nil }
    var onFollow: (Follow) -> Refusal? = { _ in nil }
    /// The answer instead of entries, to a request that was accepted.
    var onDelivery: () -> Refusal? = { nil }
    var onList: () -> Refusal? = { nil }
    var onDelete: (DeleteRequest) -> Refusal? = { _ in nil }
    /// How many answers to DELETE are lost, each along with its connection.
    var lostDeletionCount = 0
    /// Whether a subscription that ends at the head ends after its first batch.
    var endsEarly = false
    /// Which batches are skipped for followers, and why, by their first sequence numbers.
    var skips: [UInt64: SkipReason] = [:]
    /// The answer to every HELLO.
    var handshakeRefusal: Refusal?
    /// The answer to AUTH.
    var onRenewal: (String) -> Refusal? = { _ in nil }
    /// Whether WELCOME is that of a server that knows nothing of AUTH.
    var isOld = false
    /// Whether connections are accepted but not answered.
    var isMute = false
  }

  /// The actions of clients.
  struct Record {
    var connectionCount = 0
    /// Those of HELLO and of AUTH.
    var tokens: [String] = []
    var renewals: [String] = []
    var appends: [(number: UInt64, floor: UInt64, stream: StreamName, check: UInt64)] = []
    var follows: [Follow] = []
    /// Counted by a test's own `onList`.
    var listCount = 0
    var deletions: [DeleteRequest] = []
    var openFollowCountMax = 0
    var cancelCount = 0
    var openConnectionCount = 0
    var deliveredByteCount = 0
  }

  let loop: EventLoop
  private(set) var url = ""
  var faults = Faults()
  var record = Record()
  var streams: [StreamName: FakeStream] = [:]
  var heartbeatMilliseconds: UInt32 = 10_000
  var appendByteCountMax: UInt32 = 8 << 20
  var pageCountMax = 1000
  private var incarnationLast: UInt64 = 0
  private var listener: Listener?
  private var isDown = false
  var connections: [FakeConnection] = []
  /// Pieces of input that a mute server has not read.
  var unheardCount: Int { connections.reduce(0) { $0 + $1.unheard.count } }
  /// Whether it was sent a frame of this type while it was mute. Heartbeats come at any time.
  func wasSent(_ type: FrameType) -> Bool { connections.contains { $0.unheardFrames.contains(type) } }
  private var watchers: [(condition: (FakeServer) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []

  private init(loop: EventLoop) { self.loop = loop }

  /// A server that listens on its own port.
  static func start(_ configure: @escaping @Sendable (FakeServer) -> Void = { _ in }) async throws -> FakeServer {
    let server = FakeServer(loop: try EventLoop.start(name: "fake"))
    try await server.onLoop {
      configure($0)
      try $0.listen()
    }
    return server
  }

  func stop() { loop.stop() }

  func onLoop<Value: Sendable>(_ body: @escaping @Sendable (FakeServer) throws -> Value) async throws -> Value {
    let result: Result<Value, any Error> = await withCheckedContinuation { continuation in
      loop.execute { continuation.resume(returning: Result { try body(self) }) }
    }
    return try result.get()
  }

  /// Returns once `condition` holds; checked after every frame in either direction.
  func until(_ condition: @escaping @Sendable (FakeServer) -> Bool) async {
    await withCheckedContinuation { continuation in
      loop.execute {
        if condition(self) { return continuation.resume() }
        self.watchers.append((condition, continuation))
      }
    }
  }

  /// Ends muteness, and answers what came meanwhile.
  func speak() {
    faults.isMute = false
    for connection in connections { connection.hear() }
  }

  func changed() {
    let ready = watchers.filter { $0.condition(self) }
    guard !ready.isEmpty else { return }
    watchers.removeAll { $0.condition(self) }
    for watcher in ready { watcher.continuation.resume() }
  }

  func comeUp() { isDown = false }

  /// Lets clients in again.
  func admit() { faults.handshakeRefusal = nil }

  private func listen() throws {
    let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop) { [unowned self] socket in
      accept(socket)
    }
    self.listener = listener
    url = listener.endpoint.description
  }

  /// Cuts all connections, and each new one at once, until `comeUp`. It keeps its port: a test that runs in parallel
  /// might take it.
  func goDown() {
    isDown = true
    for connection in connections { connection.cut() }
  }

  private func accept(_ socket: AcceptedSocket) {
    // A connection without an owner is closed.
    if isDown { return }
    record.connectionCount += 1
    record.openConnectionCount += 1
    let connection = FakeConnection(
      server: self, connection: Connection(adopting: socket, on: loop),
      cut: faults.cuts.isEmpty ? nil : faults.cuts.removeFirst(),
      corruption: faults.corruptions.isEmpty ? nil : faults.corruptions.removeFirst(),
      inputCorruption: faults.inputCorruptions.isEmpty ? nil : faults.inputCorruptions.removeFirst())
    connections.append(connection)
    changed()
  }

  func forget(_ connection: FakeConnection) {
    connections.removeAll { $0 === connection }
    record.openConnectionCount -= 1
    changed()
  }

  // MARK: Streams

  private func makeStream(_ name: StreamName) {
    guard streams[name] == nil else { return }
    incarnationLast += 1
    streams[name] = FakeStream(name: name, incarnation: Incarnation(incarnationLast))
    for connection in connections { connection.streamAppeared(name) }
  }

  /// Stores batches of `entryCount` entries with the messages 1, 2, 3, ... as another producer would have.
  func fill(_ stream: StreamName, batches: Int, entryCount: Int, padding: Int = 0) throws {
    makeStream(stream)
    var builder = BatchBuilder(seed: 1)
    let producer = ProducerID.random()
    for number in 1...batches {
      let next = (streams[stream]?.head ?? 0) + 1
      for offset in 0..<UInt64(entryCount) {
        var filler = ""
        while filler.utf8.count < padding { filler += String(UInt64.random(in: 0 ... .max), radix: 36) }
        _ = try builder.append(LogEntry(message: ByteString("\(next + offset)\(filler.isEmpty ? "" : " ")\(filler)")))
      }
      _ = store(
        builder.finish(compressor: Compressor()), in: stream, producer: producer, number: UInt64(number), floor: 1,
        seals: false)
    }
  }

  func store(_ batch: Batch, in stream: StreamName, producer: ProducerID, number: UInt64, floor: UInt64, seals: Bool)
    -> Result<Ack, Refusal>
  {
    makeStream(stream)
    guard let result = streams[stream]?.take(batch, producer: producer, number: number, floor: floor, seals: seals)
    else { return .failure(Refusal(.internalError, "no such stream")) }
    for connection in connections { connection.pump() }
    return result
  }

  /// Deletes as the specification says, but a range takes everything before it as well.
  func delete(_ request: DeleteRequest) -> Result<DeletionSummary, Refusal> {
    guard let stream = streams[request.stream] else { return .failure(Refusal(.unknownStream, "no such stream")) }
    if request.incarnation != .any, request.incarnation != stream.incarnation {
      return .failure(Refusal(.streamReplaced, "another history"))
    }
    let kept = stream.first...max(stream.head, stream.first)
    let numbers = stream.first > stream.head ? nil : request.numbers.map { $0.clamped(to: kept) } ?? kept
    let isHit = request.numbers.map { $0.overlaps(kept) } ?? true
    let found = isHit ? numbers : nil
    if !request.isDryRun {
      if request.numbers == nil { streams[request.stream] = nil }
      if request.numbers != nil, let found { streams[request.stream]?.first = found.upperBound + 1 }
    }
    let count = found.map { $0.upperBound - $0.lowerBound + 1 } ?? 0
    return .success(
      DeletionSummary(incarnation: stream.incarnation, numbers: found, entryCount: count, byteCount: 100 * count))
  }

  /// Replaces a stream's history.
  func replace(_ name: StreamName) {
    streams[name] = nil
    makeStream(name)
  }

  /// Notifies all clients that the server is about to stop; later appends are refused.
  func goAway(retryAfterMilliseconds: UInt32 = 1) {
    for connection in connections {
      connection.drain(GoAway(retryAfterMilliseconds: retryAfterMilliseconds, text: "a test"))
    }
  }
}
