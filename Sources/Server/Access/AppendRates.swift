internal import LogsText
internal import LogsWire
internal import Synchronization

/// How much clients may append in a second, each and to each stream, and how many streams each may create in a minute.
/// What is too much is refused for now, with the time to wait; nothing of it is lost, since clients send it again.
///
/// Each limit is a clock that runs ahead: an append moves it by the time that it takes at the limit's rate. An append
/// is taken while the clock is at most a second ahead, so that a second's worth may come at once, and a large batch
/// always gets its turn. A stream may be created while the clock gets no more than a minute ahead.
final class AppendRates: Sendable {
  struct Limits: Hashable, Sendable {
    /// A second; nil for no limit.
    var byteCount: Int?
    var entryCount: Int?

    var isEmpty: Bool { byteCount == nil && entryCount == nil }
  }

  /// Who or what is limited.
  private enum Key: Hashable {
    case client(String)
    case stream(StreamName)
  }

  /// When what was taken is paid for.
  private struct Clocks {
    var bytes = MonotonicTime(nanoseconds: 0)
    var entries = MonotonicTime(nanoseconds: 0)
    var newStreams = MonotonicTime(nanoseconds: 0)

    var latest: MonotonicTime { max(bytes, entries, newStreams) }
  }

  /// What is allowed.
  private struct Allowance: Hashable {
    var perClient: Limits
    var perStream: Limits
    /// A minute, of each client; nil for no limit.
    var newStreamCount: Int?
  }

  private let allowance: Mutex<Allowance>
  private let clocks = Mutex<[Key: Clocks]>([:])

  /// How far a clock may be ahead for an append to be taken.
  static let burst = Duration.seconds(1)
  /// The time that the number of new streams is for.
  static let minute = Duration.seconds(60)
  /// How many clocks are kept before those that are not ahead are forgotten.
  static let clockCountMax = 16_384

  init(perClient: Limits, perStream: Limits, newStreamCount: Int? = nil) {
    allowance = Mutex(Allowance(perClient: perClient, perStream: perStream, newStreamCount: newStreamCount))
  }

  /// Other limits count from now on, and nothing is owed by those before: what a low one has made a client wait for
  /// would hold on under a higher one.
  func set(perClient: Limits, perStream: Limits, newStreamCount: Int?) {
    let other = Allowance(perClient: perClient, perStream: perStream, newStreamCount: newStreamCount)
    let isChanged = allowance.withLock { allowance in
      defer { allowance = other }
      return allowance != other
    }
    if isChanged { clocks.withLock { $0.removeAll() } }
  }

  var clockCount: Int { clocks.withLock { $0.count } }

  /// - Parameters:
  ///   - batch: one that is malformed is taken here: it is refused for that, later.
  ///   - client: the token, address or user.
  /// - Returns: nil if the batch is taken, and counts from now on.
  func refusal(of batch: ByteString, client: String, stream: StreamName, now: MonotonicTime) -> Refusal? {
    let allowed = allowance.withLock { $0 }
    guard !allowed.perClient.isEmpty || !allowed.perStream.isEmpty else { return nil }
    let count: Int
    do throws(WireDecodingError) { count = Int(try Batch(startOf: batch).header.count) } catch { return nil }
    return refusal(client: client, stream: stream, byteCount: batch.count, entryCount: count, now: now)
  }

  /// - Parameter client: the token, address or user.
  /// - Returns: nil if the append is taken, and counts from now on.
  func refusal(
    client: String, stream: StreamName, byteCount: Int, entryCount: Int, now: MonotonicTime
  ) -> Refusal? {
    let allowed = allowance.withLock { $0 }
    let (perClient, perStream) = (allowed.perClient, allowed.perStream)
    return clocks.withLock { clocks in
      let (clientKey, streamKey) = (Key.client(client), Key.stream(stream))
      for (key, limits, name, who) in [
        (clientKey, perClient, "append-rate", "\(client) appends"),
        (streamKey, perStream, "append-rate-stream", "stream '\(stream)' gets"),
      ] where !limits.isEmpty {
        let found = clocks[key] ?? Clocks()
        let bytes = limits.byteCount.map { (clock: found.bytes, unit: ("byte", "bytes"), name: name, value: $0) }
        let entries = limits.entryCount.map {
          (clock: found.entries, unit: ("entry", "entries"), name: "\(name)-entries", value: $0)
        }
        let latest = [bytes, entries].compactMap(\.self).max { $0.clock < $1.clock }
        guard let latest, latest.clock > now + Self.burst else { continue }
        let milliseconds = UInt32(clamping: latest.clock.nanoseconds(since: now + Self.burst) / 1_000_000 + 1)
        let wait = Figures.span(microseconds: UInt64(milliseconds) * 1_000)
        let rate = Figures.count(latest.value, latest.unit.0, latest.unit.1)
        return Refusal(
          .overloaded, "\(who) more than \(rate) a second (\(latest.name)); wait \(wait)",
          isRetryable: true, retryAfterMilliseconds: milliseconds, limit: .init(latest.name, UInt64(latest.value)))
      }
      Self.forgetSome(&clocks, now)
      for (key, limits) in [(clientKey, perClient), (streamKey, perStream)] where !limits.isEmpty {
        var found = clocks[key] ?? Clocks()
        if let limit = limits.byteCount { found.bytes = Self.pay(byteCount, at: limit, found.bytes, now) }
        if let limit = limits.entryCount { found.entries = Self.pay(entryCount, at: limit, found.entries, now) }
        clocks[key] = found
      }
      return nil
    }
  }

  /// - Parameter client: the token, address or user.
  /// - Returns: nil if it may create a stream, which counts from now on.
  func creationRefusal(client: String, now: MonotonicTime) -> Refusal? {
    guard let limit = allowance.withLock({ $0.newStreamCount }) else { return nil }
    return clocks.withLock { clocks in
      Self.forgetSome(&clocks, now)
      var found = clocks[.client(client)] ?? Clocks()
      let paid = max(found.newStreams, now) + .nanoseconds(Self.minute.nanoseconds / Int64(limit))
      guard paid > now + Self.minute else {
        found.newStreams = paid
        clocks[.client(client)] = found
        return nil
      }
      let milliseconds = UInt32(clamping: paid.nanoseconds(since: now + Self.minute) / 1_000_000 + 1)
      let wait = Figures.span(microseconds: UInt64(milliseconds) * 1_000)
      return Refusal(
        .overloaded,
        "\(client) creates more than \(Figures.count(limit, "stream", "streams")) a minute (new-streams); wait \(wait)",
        isRetryable: true, retryAfterMilliseconds: milliseconds, limit: .init("new-streams", UInt64(limit)))
    }
  }

  private static func forgetSome(_ clocks: inout [Key: Clocks], _ now: MonotonicTime) {
    if clocks.count >= clockCountMax { clocks = clocks.filter { $0.value.latest > now } }
  }

  private static func pay(_ count: Int, at rate: Int, _ clock: MonotonicTime, _ now: MonotonicTime) -> MonotonicTime {
    // At most 2 MiB, or 65,536 entries, at a rate of at least 1: far from what overflows.
    max(clock, now) + .nanoseconds(Int64(count) * 1_000_000_000 / Int64(rate))
  }
}
