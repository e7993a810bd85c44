internal import LogsWire

/// All batches that have no answer yet: which may go out next, and which must go out again (P4).
///
/// A value without I/O or clock. Streams take turns. Batch numbers rise per stream; a stream's first number is above all that
/// streams before it have used and have been forgotten with, which its floor makes good, so that nothing is kept for a
/// stream that has nothing to send.
struct AppendQueue {
  typealias Item = AppendLane.Item

  /// A batch to be sent.
  struct Outgoing {
    let stream: StreamName
    let number: UInt64
    let floor: UInt64
    let content: AppendLane.Content
  }

  private struct Flight {
    let stream: StreamName
    let number: UInt64
  }

  private var lanes: [StreamName: AppendLane] = [:]
  /// Streams that may have something to send, in the order of their turns.
  private var turns = UniqueQueue<StreamName>()
  private var recovering = UniqueQueue<StreamName>()
  private var inFlight: [UInt32: Flight] = [:]
  private var numberLast: UInt64 = 0
  private var laneNumbers: [StreamName: UInt64] = [:]

  var isEmpty: Bool { lanes.isEmpty }
  var inFlightCount: Int { inFlight.count }

  // MARK: The application

  mutating func append(_ content: AppendLane.Content, to stream: StreamName, pending: PendingAppend, cost: Int) {
    let number = (laneNumbers[stream] ?? numberLast) + 1
    laneNumbers[stream] = number
    lanes[stream, default: AppendLane()].append(Item(number: number, content: content, pending: pending, cost: cost))
    turns.append(stream)
  }

  // MARK: The connection

  /// The next batch that goes out; the caller must send it and then call `sent`.
  ///
  /// - Parameters:
  ///   - inFlightCountMax: for one stream.
  ///   - fits: whether the connection has credit for so many bytes.
  mutating func next(inFlightCountMax: Int, fits: (Int) -> Bool) -> Outgoing? {
    while let stream = turns.first {
      guard let item = lanes[stream]?.next(inFlightCountMax: inFlightCountMax) else {
        _ = turns.popFirst()
        continue
      }
      guard fits(item.content.byteCount), let floor = lanes[stream]?.send() else { return nil }
      _ = turns.popFirst()
      turns.append(stream)
      return Outgoing(stream: stream, number: item.number, floor: floor, content: item.content)
    }
    return nil
  }

  /// The batch went out as the request `id`.
  mutating func sent(_ outgoing: Outgoing, id: UInt32) {
    inFlight[id] = Flight(stream: outgoing.stream, number: outgoing.number)
  }

  /// Whether `id` is an append in flight.
  func isInFlight(_ id: UInt32) -> Bool { inFlight[id] != nil }

  /// - Returns: what is durable.
  mutating func acknowledge(_ id: UInt32) -> Item? {
    guard let flight = inFlight.removeValue(forKey: id) else { return nil }
    let item = lanes[flight.stream]?.acknowledge(flight.number)
    settled(flight.stream)
    return item
  }

  /// - Returns: what will not be sent again.
  mutating func giveUp(_ id: UInt32, now: MonotonicTime) -> Item? {
    guard let flight = inFlight.removeValue(forKey: id) else { return nil }
    let item = lanes[flight.stream]?.giveUp(flight.number, now: now)
    settled(flight.stream)
    return item
  }

  /// A refusal that a retry can mend.
  mutating func postpone(_ id: UInt32, _ refusal: Refusal, now: MonotonicTime, delay: (Int) -> Duration) {
    guard let flight = inFlight.removeValue(forKey: id) else { return }
    lanes[flight.stream]?.postpone(
      flight.number, mayHaveTakenEffect: refusal.mayHaveTakenEffect, isOutOfOrder: refusal.code == .outOfOrder,
      now: now, delay: delay)
    settled(flight.stream)
  }

  /// Lets streams go on whose wait is over.
  ///
  /// - Returns: when to ask again.
  mutating func resume(now: MonotonicTime) -> MonotonicTime? {
    var soonest: MonotonicTime?
    for _ in 0..<recovering.count {
      guard let stream = recovering.popFirst() else { break }
      if let time = lanes[stream]?.resume(now: now) { soonest = min(soonest ?? time, time) }
      switch lanes[stream]?.isRecovering {
      case true: recovering.append(stream)
      case false: turns.append(stream)
      case nil: break
      }
    }
    return soonest
  }

  /// The connection is gone: everything without an answer goes out again, in order.
  mutating func disconnect() {
    inFlight = [:]
    turns.removeAll()
    // In the order of the names, so that the same run gives the same trace.
    for stream in lanes.keys.sorted() {
      lanes[stream]?.disconnect()
      turns.append(stream)
    }
  }

  /// Gives up everything.
  mutating func removeAll() -> [Item] {
    var items: [Item] = []
    for stream in lanes.keys.sorted() {
      guard let lane = lanes[stream] else { continue }
      for offset in 0..<lane.items.count { items.append(lane.items[offset]) }
      forget(stream)
    }
    inFlight = [:]
    turns.removeAll()
    recovering.removeAll()
    return items
  }

  private mutating func settled(_ stream: StreamName) {
    guard let lane = lanes[stream] else { return }
    if lane.isEmpty { return forget(stream) }
    if lane.isRecovering { recovering.append(stream) } else { turns.append(stream) }
  }

  private mutating func forget(_ stream: StreamName) {
    lanes[stream] = nil
    numberLast = max(numberLast, laneNumbers.removeValue(forKey: stream) ?? 0)
  }
}
