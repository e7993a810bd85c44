internal import LogsTransport
@_exported public import LogsWire
internal import Synchronization

/// A connection to a log server, over which entries are appended and streams followed.
///
/// It connects at the first call, reconnects by itself, sends unacknowledged entries again and resumes subscriptions.
/// Calls may be made from several tasks and threads at once. One client is enough for a process: it has one connection
/// and one thread, however many streams and subscriptions there are.
///
/// End it with `shutdown`. If its last reference is released before, it ends at once, and unacknowledged appends fail.
public final class LogClient: Sendable {
  /// How much may wait to be acknowledged: the stored bytes of batches, plus a little for each of them.
  public static let sendQueueByteCountMax = 16 << 20

  /// What a queued batch counts for besides its bytes.
  private static let batchOverheadByteCount = 256

  let loop: EventLoop
  /// The owner of the loop, if other clients share it; nil for a loop of its own.
  let thread: ClientThread?
  let core: ClientCore
  let board = StateBoard()
  private let budget = SendBudget(byteCountMax: sendQueueByteCountMax)
  private let encoders = BatchEncoderPool()
  private let followKeyLast = Atomic<UInt64>(0)

  /// A client that is not connected yet.
  ///
  /// - Throws: `LogError` with `invalidConfiguration`, or `unreachable` if the system has no thread or descriptor
  ///   left.
  public convenience init(_ configuration: LogClientConfiguration = LogClientConfiguration()) throws(LogError) {
    try self.init(configuration, on: nil)
  }

  /// A client that is not connected yet, on a thread that others share.
  ///
  /// - Parameter thread: nil for one of its own.
  /// - Throws: as the public initializer.
  package init(_ configuration: LogClientConfiguration, on thread: ClientThread?) throws(LogError) {
    let endpoints = try configuration.endpoints()
    let tls = try configuration.tlsContext(endpoints)
    if let thread {
      loop = thread.loop
    } else {
      do { loop = try EventLoop.start(name: "logs-client") } catch { throw LogError(connecting: error) }
    }
    self.thread = thread
    core = ClientCore(
      loop: loop, configuration: configuration, endpoints: endpoints, tls: tls, board: board, budget: budget)
  }

  deinit {
    let (loop, core) = (loop, core)
    // A loop that has ended would start a thread for it.
    if !board.isClosed { loop.execute { core.assumeIsolated { $0.close() } } }
    if thread == nil { loop.abandon() }
  }

  /// The state of the connection now, then each change. Slow observers miss states, but never the newest.
  public var states: AsyncStream<ConnectionState> { board.observe() }

  /// Whether the last server got a token and checks none: everybody who can reach it may do everything.
  public var isTokenIgnored: Bool { board.isTokenIgnored }

  /// Sends what is queued, waits for its acknowledgements, ends all subscriptions, and closes.
  ///
  /// Later calls, and what is not done by the deadline, fail with `closed`. When it returns, thread and descriptors are
  /// released. A suspended client connects again if entries are queued, and closes at once if there are none.
  public func shutdown(deadline: Duration = .seconds(10)) async {
    await core.shutdown(deadline: deadline)
    if thread == nil { loop.stop() }
  }
}

// MARK: - Appending

extension LogClient {
  /// Appends entries to a stream, which is created by the first of them, and waits until they are durable.
  ///
  /// The same as awaiting the receipt of `submit`.
  public func append(_ entries: [LogEntry], to stream: StreamName) async throws(LogError) -> AppendReceipt {
    // Mostly nothing has to be awaited but the receipt.
    switch try beginSubmit(entries, to: stream) {
    case .queued(let pending): return try await pending.untilAnswered()
    case .waits(let encoded): return try await submit(encoded, to: stream).receipt
    case .large: return try await submit(encodeElsewhere(entries), to: stream).receipt
    }
  }

  /// Queues entries for a stream and returns without waiting for their acknowledgement, unless the queue is full.
  ///
  /// Entries of consecutive calls are stored in that order. Too many entries for one batch are split. Each batch is
  /// stored as a whole, even after another one was refused.
  /// - Throws: `LogError`: `invalidRequest` (no entries) or `invalidEntry`: nothing was queued; `closed` or `cancelled`
  ///   while waiting for room: `mayHaveTakenEffect` if some batches had been queued.
  /// - Complexity: one copy and the compression. Many or large entries are encoded off the caller's actor; for few and
  ///   small ones, switching threads would cost more than encoding.
  public func submit(_ entries: [LogEntry], to stream: StreamName) async throws(LogError) -> PendingAppend {
    switch try beginSubmit(entries, to: stream) {
    case .queued(let pending): return pending
    case .waits(let encoded): return try await submit(encoded, to: stream)
    case .large: return try await submit(encodeElsewhere(entries), to: stream)
    }
  }

  /// What a submission came to at once.
  private enum Begun {
    case queued(PendingAppend)
    /// There is no room in the budget for all of it.
    case waits(Encoded)
    /// It is to be encoded elsewhere.
    case large
  }

  private func beginSubmit(_ entries: [LogEntry], to stream: StreamName) throws(LogError) -> Begun {
    guard !entries.isEmpty else { throw LogError(.invalidRequest, "there is nothing to append: no entries") }
    guard Self.isSmall(entries) else { return .large }
    let encoded = try encode(entries)
    let cost = Self.cost(encoded.first)
    guard encoded.after.isEmpty, budget.takeAtOnce(cost) else { return .waits(encoded) }
    let pending = encoded.pending(stream)
    handOver(encoded.first, to: stream, answer: pending, cost: cost)
    return .queued(pending)
  }

  private static func isSmall(_ entries: [LogEntry]) -> Bool {
    guard entries.count <= smallEntryCountMax else { return false }
    var byteCount = 0
    for index in entries.indices { byteCount += entries[index].message.count }
    return byteCount <= smallByteCountMax
  }

  /// These take at most about 20 us to encode.
  private static let smallEntryCountMax = 32
  private static let smallByteCountMax = 8 << 10

  @concurrent
  private func encodeElsewhere(_ entries: [LogEntry]) async throws(LogError) -> Encoded { try encode(entries) }

  /// Batches that are ready to be sent, mostly one.
  private struct Encoded: Sendable {
    let first: AppendLane.Content
    var after: [AppendLane.Content] = []
    /// Entries in them that were cut.
    var truncatedCount: UInt64 = 0

    func pending(_ stream: StreamName) -> PendingAppend {
      let pending = PendingAppend(stream: stream, batchCount: 1 + after.count)
      if truncatedCount > 0 { pending.truncated(truncatedCount) }
      return pending
    }
  }

  private func encode(_ entries: [LogEntry]) throws(LogError) -> Encoded {
    // An encoder that has thrown is not reused.
    let encoder = encoders.take()
    var (index, truncatedCount): (Int, UInt64) = (0, 0)
    let first = try encoder.next(entries, from: &index, truncatedCount: &truncatedCount)
    var encoded = Encoded(first: AppendLane.Content(first))
    while index < entries.count {
      let batch = try encoder.next(entries, from: &index, truncatedCount: &truncatedCount)
      encoded.after.append(AppendLane.Content(batch))
    }
    encoded.truncatedCount = truncatedCount
    encoders.giveBack(encoder)
    return encoded
  }

  /// Seals a stream after everything that this client has submitted to it, and waits until that is durable.
  ///
  /// Subscriptions to it end, and later appends are refused with `stream_sealed`.
  /// - Parameters:
  ///   - stream: which one.
  ///   - text: the message of the `complete` entry, at most 1,024 bytes.
  /// - Throws: as `append`.
  public func complete(_ stream: StreamName, text: String = "") async throws(LogError) -> AppendReceipt {
    try Self.check(completionText: text)
    return try await submit(Encoded(first: .completion(text: text)), to: stream).receipt
  }

  static func check(completionText text: String) throws(LogError) {
    guard text.utf8.count > Limits.completionTextByteCountMax else { return }
    throw LogError(
      .invalidRequest,
      "the text of a completion has \(text.utf8.count) bytes; the limit is \(Limits.completionTextByteCountMax)")
  }

  /// Queues batches of a producer, which numbers and bounds them itself.
  func append(_ batches: [NumberedBatch]) {
    let core = core
    loop.execute { core.assumeIsolated { $0.append(batches) } }
  }

  /// Stops sending the batches of producers that have ended.
  func withdraw(_ keys: Set<AppendQueue.Key>) {
    guard !keys.isEmpty else { return }
    let core = core
    loop.execute { core.assumeIsolated { $0.withdraw(keys) } }
  }

  /// The URLs that are tried in turn.
  package var servers: [String] { core.configuration.servers }

  /// How long a producer waits before it hands over again what the client has given up.
  func retryDelay(attempt: Int, retryAfter: Duration?) -> Duration {
    core.configuration.backoff.delay(attempt: attempt, retryAfter: retryAfter, random: core.configuration.random)
  }

  private func submit(_ encoded: Encoded, to stream: StreamName) async throws(LogError) -> PendingAppend {
    let pending = encoded.pending(stream)
    try await queue(encoded.first, to: stream, pending)
    for content in encoded.after {
      do { try await queue(content, to: stream, pending) } catch { throw error.afterSending(true) }
    }
    return pending
  }

  private func queue(
    _ content: AppendLane.Content, to stream: StreamName, _ pending: PendingAppend
  ) async throws(LogError) {
    let cost = Self.cost(content)
    try await budget.take(cost)
    handOver(content, to: stream, answer: pending, cost: cost)
  }

  private static func cost(_ content: AppendLane.Content) -> Int { content.byteCount + batchOverheadByteCount }

  private func handOver(_ content: AppendLane.Content, to stream: StreamName, answer: PendingAppend, cost: Int) {
    let core = core
    // A task on the loop's thread is one of the jobs that run there in turn, after all that it handed over before.
    if loop.isOnLoop {
      core.onLoop((content, stream, answer, cost)) { core, append in
        core.append(append.0, to: append.1, answer: append.2, cost: append.3)
      }
    } else {
      loop.execute { core.assumeIsolated { $0.append(content, to: stream, answer: answer, cost: cost) } }
    }
  }
}

// MARK: - Following

extension LogClient {
  /// Follows streams, from the cursor or else from `start`.
  ///
  /// Nothing happens until the first event is requested.
  /// - Parameters:
  ///   - selectors: names and patterns, 1 to 1,024. A named stream may be created later.
  ///   - start: for streams that are not in the cursor.
  ///   - end: when to end; the first condition that is met counts.
  ///   - cursor: the positions after earlier reading; streams that are not selected are ignored.
  ///   - isReverse: newest entries of each stream first. Then cursor and start say where it ends, and a sequence number
  ///   or time in `end` where it begins.
  ///   - filter: which entries are wanted; the server leaves out the others. Only these count for a limit, and for a
  ///   start at the last entries.
  public func follow(
    _ selectors: [StreamSelector], from start: FollowStart = .first, until end: FollowEnd = FollowEnd(),
    cursor: LogCursor = LogCursor(), isReverse: Bool = false, filter: Filter? = nil
  ) -> FollowSequence {
    FollowSequence(
      client: self,
      terms: SubscriptionTerms(
        selectors: selectors, start: start, end: end, isReverse: isReverse, cursor: cursor, filter: filter))
  }

  func begin(_ terms: SubscriptionTerms) -> SubscriptionHandle {
    let key = followKeyLast.add(1, ordering: .relaxed).newValue
    let (loop, core) = (loop, core)
    // With three quarters of the window always known to be free, the server need not wait for a report.
    let reportByteCountMin = (terms.window ?? core.configuration.followCreditByteCount) / 4
    let buffer = EventBuffer(reportByteCountMin: reportByteCountMin) { [weak core] byteCount in
      guard let core else { return }
      loop.execute { core.assumeIsolated { $0.taken(byteCount, key: key) } }
    }
    loop.execute { core.assumeIsolated { $0.follow(terms, buffer: buffer, key: key) } }
    return SubscriptionHandle(buffer: buffer, client: self, key: key)
  }

  func endFollow(_ key: UInt64) {
    let core = core
    loop.execute { core.assumeIsolated { $0.endFollow(key) } }
  }
}

// MARK: - The server

extension LogClient {
  /// The streams whose names match, sorted by name. Without a pattern: all but the server's own.
  ///
  /// - Throws: `LogError`: `refused`, `closed`, `gaveUp`, `cancelled`.
  public func streams(matching pattern: StreamPattern? = nil) async throws(LogError) -> [StreamSummary] {
    var streams: [StreamSummary] = []
    while true {
      let page = try await core.list(ListRequest(pattern: pattern, after: streams.last?.stream))
      streams += page.streams
      // After an empty page the next one would be the same again.
      guard page.hasMore, !page.streams.isEmpty else { return streams }
    }
  }

  /// What the server reports about itself.
  ///
  /// - Throws: as `streams`.
  public func status() async throws(LogError) -> [ServerFact] { try await core.stat() }
}

extension LogClientConfiguration {
  /// The servers as endpoints, after all settings are checked.
  fileprivate func endpoints() throws(LogError) -> [Endpoint] {
    if servers.isEmpty { throw LogError(.invalidConfiguration, "no server is named; write logs://host[:port]") }
    if name.utf8.count > Limits.clientNameByteCountMax {
      throw LogError(
        .invalidConfiguration,
        "the client's name has \(name.utf8.count) bytes; the limit is \(Limits.clientNameByteCountMax)")
    }
    try Self.check(token: token ?? "")
    if followCreditByteCount < Self.followCreditByteCountMin {
      throw LogError(
        .invalidConfiguration,
        "the credit for following is \(followCreditByteCount) bytes; the least is \(Self.followCreditByteCountMin)")
    }
    var endpoints: [Endpoint] = []
    for server in servers {
      do { endpoints.append(try Endpoint(server)) } catch { throw LogError(.invalidConfiguration, error.message) }
    }
    return endpoints
  }

  fileprivate static func check(token: String) throws(LogError) {
    guard token.utf8.count <= Limits.tokenByteCountMax else {
      throw LogError(
        .invalidConfiguration, "the token has \(token.utf8.count) bytes; the limit is \(Limits.tokenByteCountMax)")
    }
  }

  /// The token that the provider has now; empty for none.
  func token(
    from provider: @concurrent @Sendable () async throws -> String?
  ) async -> Result<String, LogError> {
    do {
      let token = try await provider() ?? ""
      do throws(LogError) { try Self.check(token: token) } catch { return .failure(error) }
      return .success(token)
    } catch {
      // It may be in the middle of being renewed.
      return .failure(LogError(.unreachable, "there is no token to connect with: \(error)", isRetryable: true))
    }
  }

  /// What connections with TLS share; nil if no server has it.
  fileprivate func tlsContext(_ endpoints: [Endpoint]) throws(LogError) -> TLSContext? {
    guard endpoints.contains(where: \.isTLS) else { return nil }
    let files = TLSFiles(certificate: certificateFile, key: keyFile, authorities: caCertificateFile)
    do { return try .client(files) } catch { throw LogError(connecting: error) }
  }
}
