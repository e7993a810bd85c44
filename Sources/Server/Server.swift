internal import Glibc
package import LogsStore
internal import LogsSystem
internal import LogsText
internal import LogsTransport
internal import LogsWire
internal import Synchronization

/// A running server: the store, the shards, and what they listen on.
package final class Server: Sendable {
  /// Where clients can connect: a requested port of 0 is replaced by the actual one.
  package let doors: [Door]

  private let settings: Mutex<ServerConfiguration>
  let certificates: Certificates?
  let access: AccessControl
  let appendRates: AppendRates
  private let counters: Counters
  let store: Store
  let shards: [Shard]
  private let connectionEnds: ConnectionEnds
  private let ending = Mutex(Ending())
  let log: @Sendable (LogLine) -> Void

  /// Why the server stops.
  package enum StopReason: Sendable {
    /// Its name.
    case signal(String)
    /// The store accepts no more: what failed and what to do.
    case storeFailed(String)
  }

  private struct Ending {
    var reason: StopReason?
    var waiter: CheckedContinuation<StopReason, Never>?
  }

  private init(
    _ context: ServerContext, shards: [Shard], doors: [Door]
  ) {
    settings = Mutex(context.configuration)
    certificates = context.certificates
    access = context.access
    appendRates = context.appendRates
    counters = context.counters
    store = context.store
    self.shards = shards
    self.doors = doors
    connectionEnds = context.connectionEnds
    log = context.log
  }

  /// Opens the data directory, starts the shards, and listens.
  ///
  /// - Parameter log: takes the lines of the server's own log.
  /// - Throws: `ServerError` when the directory is locked, damaged or not accessible, or an endpoint is taken.
  package static func start(
    _ configuration: ServerConfiguration, log: @escaping @Sendable (LogLine) -> Void
  ) async throws(ServerError) -> Server {
    let certificates: Certificates?
    do throws(TransportError) {
      certificates = configuration.doors.contains(where: \.endpoint.isTLS) ? try Certificates(configuration.tls) : nil
    } catch { throw ServerError(error.message) }
    let router = CommitRouter()
    let rates = AppendRates(
      perClient: configuration.clientAppendRates, perStream: configuration.streamAppendRates,
      newStreamCount: configuration.newStreamCountMax)
    let store: Store
    let access: AccessControl
    let warnings: [String]
    let startLines = StartLines(log)
    defer { startLines.release() }
    do {
      var settings = storeConfiguration(configuration, log: { startLines.write($0) })
      settings.creationRefusal = { rates.creationRefusal(client: $0, now: .now()) }
      store = try Store.open(settings, sink: router)
    } catch {
      throw ServerError(error.description)
    }
    // The store has made the directory, and locked it.
    do throws(SettingError) {
      access = try AccessControl(
        directory: configuration.dataDirectory, unixAllow: configuration.unixAllow,
        certificateAllow: configuration.certificateAllow, log: log)
      warnings = try Exposure(configuration, hasTokens: access.checksTokens).check()
    } catch {
      store.close()
      throw ServerError(error.description)
    }
    let context = ServerContext(
      configuration: configuration, certificates: certificates, access: access,
      appendRates: rates, store: store, counters: Counters(),
      connectionEnds: ConnectionEnds(log: log),
      server: .random(), started: .now(), log: log)
    var shards: [Shard] = []
    var doors: [Door] = []
    do throws(TransportError) {
      for index in 0..<configuration.shardCount {
        let shard = Shard(loop: try EventLoop.start(name: "shard-\(index)"))
        shards.append(shard)
        await shard.open(index: index, context: context)
      }
      router.open(shards)
      let rounds = RoundRobin(shards)
      for (index, door) in configuration.doors.enumerated() {
        // Listeners are spread like connections: no loop accepts for all.
        let shard = shards[index % shards.count]
        let certificates = door.endpoint.isTLS ? context.certificates : nil
        let language = door.language
        let kind: any SocketClient.Type = language == .http ? HTTPConnection.self : ServerConnection.self
        let endpoint = try await shard.listen(on: door.endpoint, handed: door.socket) {
          rounds.adopt($0, as: kind, tls: certificates?.context(for: language))
        }
        doors.append(Door(endpoint, language))
      }
    } catch {
      for shard in shards {
        await shard.close()
        shard.loop.stop()
      }
      store.close()
      throw ServerError(error.message)
    }
    log(.notice(startLine(configuration, store, doors)))
    let age = certificates?.warning(now: SystemClock.wall())
    for warning in configuration.remarks + warnings + [age].compactMap(\.self) { log(.warn(warning)) }
    let server = Server(context, shards: shards, doors: doors)
    router.onFailure { server.stop(.storeFailed($0.description)) }
    return server
  }

  /// What an operator wants to know of a start.
  private static func startLine(_ configuration: ServerConfiguration, _ store: Store, _ doors: [Door]) -> String {
    let statistics = store.statistics
    let streams = Figures.count(statistics.streamCount, "stream", "streams")
    let segments = Figures.count(statistics.segmentCount, "segment", "segments")
    return """
      \(Version.server) has started: process \(getpid()), data directory \(configuration.dataDirectory), store \
      \(store.id) with \(streams) in \(segments), listening on \(doors.map(\.description).joined(separator: ", ")); \
      \(store.start.words)
      """
  }

  /// What counts now.
  var configuration: ServerConfiguration { settings.withLock { $0 } }

  /// Other settings count from now on.
  func apply(_ configuration: ServerConfiguration) {
    settings.withLock { $0 = configuration }
    access.set(unixAllow: configuration.unixAllow, certificateAllow: configuration.certificateAllow)
    appendRates.set(
      perClient: configuration.clientAppendRates, perStream: configuration.streamAppendRates,
      newStreamCount: configuration.newStreamCountMax)
    store.apply(Self.storeConfiguration(configuration, log: log))
    for shard in shards { shard.execute { $0.apply(configuration) } }
  }

  static func storeConfiguration(
    _ configuration: ServerConfiguration, log: @escaping @Sendable (LogLine) -> Void
  ) -> StoreConfiguration {
    var store = StoreConfiguration(directory: configuration.dataDirectory)
    store.journalByteCount = configuration.journalByteCount
    store.segmentByteCountMax = configuration.segmentByteCountMax
    store.segmentAgeMax = configuration.segmentAgeMax
    store.segmentIdleMax = configuration.segmentIdleMax
    store.rewriteDelay = configuration.rewriteDelay
    store.upkeepProcessorPercent = configuration.upkeepProcessorPercent
    store.writerQueueByteCountMax = configuration.appendByteCountTotalMax
    store.tailCacheEntryCountMax = configuration.tailEntryCount
    store.tailCacheByteCountMax = configuration.tailByteCountMax
    store.readerThreadCount = configuration.readerThreadCount
    store.streamCountMax = configuration.streamCountMax
    store.retention = configuration.retention
    store.archive = configuration.archive
    store.archiveAgeMax = configuration.archiveAgeMax
    store.log = log
    return store
  }

  /// How it is, in a line for people.
  var statusLine: String {
    let statistics = store.statistics
    return """
      \(Figures.groupedCount(counters.connections.current, "connection", "connections")), \
      \(Figures.groupedCount(counters.subscriptions.current, "follower", "followers")), \
      \(Figures.groupedCount(statistics.streamCount, "stream", "streams")), \
      \(ByteSize.rounded(UInt64(max(0, statistics.byteCount)))) stored
      """
  }

  /// Calls `body`, on the thread of a shard, once every shard has had a turn.
  func whenAllShardsHaveTurned(_ body: @escaping @Sendable () -> Void) {
    let left = Countdown(shards.count)
    for shard in shards { shard.execute { _ in if left.isLast() { body() } } }
  }

  /// Adds entries to one of the server's own streams, soon.
  func append(_ entries: OwnEntries) { store.append(entries) }

  /// Has everything that is stored so far sealed, soon.
  ///
  /// - Returns: the segments that have to be sealed for it.
  func seal() -> [Int64] {
    store.seal()
    return store.unsealedSegments
  }

  var unsealedSegments: [Int64] { store.unsealedSegments }

  /// Asks the server to stop; the first reason counts.
  package func stop(_ reason: StopReason) {
    let waiter = ending.withLock { ending in
      if ending.reason == nil { ending.reason = reason }
      defer { ending.waiter = nil }
      return ending.waiter
    }
    waiter?.resume(returning: reason)
  }

  /// Returns when the server has been asked to stop, by a signal, by `stop`, or by a failure of the store.
  package func untilStopped() async -> StopReason {
    await withCheckedContinuation { continuation in
      let reason = ending.withLock { ending in
        if ending.reason == nil { ending.waiter = continuation }
        return ending.reason
      }
      if let reason { continuation.resume(returning: reason) }
    }
  }

  /// Stops cleanly: accepts no new connections, commits and acknowledges what is in flight, notifies the clients, and
  /// closes the store.
  package func drain() async {
    let configuration = configuration
    let goAway = GoAway(
      retryAfterMilliseconds: 100, text: "the server is stopping", advice: configuration.stopAdvice)
    for shard in shards { await shard.stopListening() }
    await withTaskGroup { group in
      for shard in shards { group.addTask { await shard.drain(goAway, within: configuration.drainDurationMax) } }
    }
    for shard in shards { shard.loop.stop() }
    connectionEnds.summarize(now: .now())
    store.close()
  }

  /// Ends the wait in `drain`: connections are closed at once.
  func cutOff() { for shard in shards { shard.execute { $0.cutOff() } } }
}

/// Tells the last of several threads that it is the last.
private final class Countdown: Sendable {
  private let left: Atomic<Int>

  init(_ count: Int) { left = Atomic(count) }

  func isLast() -> Bool { left.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 }
}

/// Distributes accepted sockets to the shards in turn.
private final class RoundRobin: Sendable {
  private let shards: [Shard]
  private let next = Atomic<Int>(0)

  init(_ shards: [Shard]) { self.shards = shards }

  func adopt(_ socket: AcceptedSocket, as kind: any SocketClient.Type, tls: TLSContext?) {
    let index = next.wrappingAdd(1, ordering: .relaxed).oldValue % shards.count
    shards[index].execute { $0.adopt(socket, as: kind, tls: tls) }
  }
}

/// Why a server does not start: what failed, why, and what to do, in one line.
package struct ServerError: Error, Sendable, CustomStringConvertible {
  package let description: String
  init(_ description: String) { self.description = description }
}
