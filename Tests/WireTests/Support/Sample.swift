@testable import LogsWire

/// Plain values for tests that are about something else.
enum Sample {
  static let web = name("web")
  static let producer = ProducerID(high: 1, low: 2)
  static let incarnation = Incarnation(0x1122_3344_5566_7788)
  static var seed: UInt64 { BatchHeader.serverSeed(stream: web, incarnation: incarnation) }

  static func name(_ text: String) -> StreamName {
    do { return try StreamName(text) } catch { fatalError("\(error)") }
  }

  static func welcome(
    heartbeat: UInt32 = 1000, appendBytes: UInt32 = 8 << 20, appendBatches: UInt32 = 256, producerBatches: UInt16 = 32,
    subscriptions: UInt16 = 1024
  ) -> Welcome {
    Welcome(
      frameByteCountMax: UInt32(Limits.frameByteCountMax), server: InstanceID(high: 1, low: 1),
      store: InstanceID(high: 2, low: 2), heartbeatMilliseconds: heartbeat, appendByteCountMax: appendBytes,
      appendBatchCountMax: appendBatches, producerBatchCountMax: producerBatches, subscriptionCountMax: subscriptions,
      name: "logsd")
  }

  static func follow(
    credit: UInt64 = 1 << 20, _ selectors: [StreamSelector] = [.stream(web)], start: FollowStart = .first,
    end: FollowEnd = FollowEnd(),
    isReverse: Bool = false, cursor: [CursorPosition] = []
  ) -> Follow {
    Follow(credit: credit, selectors: selectors, start: start, end: end, isReverse: isReverse, cursor: cursor)
  }

  static func query() -> Query { Query(.count, [.stream(web)]) }

  static func append(number: UInt64 = 1, batch: ByteString = ByteString(), producer: ProducerID = producer) -> Append {
    Append(producer: producer, number: number, floor: 1, stream: web, batch: batch)
  }

  static func announcement(
    handle: UInt32 = 1, position: UInt64 = 0, head: UInt64 = 10, stream: StreamName = web
  ) -> Announcement {
    Announcement(
      handle: handle, isSealed: false, incarnation: incarnation, position: position, head: head, stream: stream)
  }

  static func entries(_ count: Int, from number: Int = 1) -> [LogEntry] {
    (0..<count).map { LogEntry(message: ByteString("entry \(number + $0)")) }
  }

  /// Batches of one entry each, numbered from `first`.
  static func run(_ first: UInt64, _ last: UInt64) throws -> ByteString {
    var writer = ByteWriter()
    for number in first...last {
      writer.append(try Batches.numbered(entries(1, from: Int(number)), first: number, seed: seed).bytes)
    }
    return writer.finish()
  }
}

extension MonotonicTime {
  static let zero = MonotonicTime(nanoseconds: 0)
  static func milliseconds(_ count: UInt64) -> MonotonicTime { zero.advanced(byMilliseconds: count) }
}

extension ClientSession {
  @discardableResult
  mutating func receive(_ bytes: [UInt8], at milliseconds: UInt64 = 0) -> [Event] {
    receive(ByteString(bytes).span, now: .milliseconds(milliseconds))
  }

  @discardableResult
  mutating func receive(_ frames: [OutgoingFrame], at milliseconds: UInt64 = 0) -> [Event] {
    receive(frames.flatMap(Frames.bytes), at: milliseconds)
  }

  @discardableResult
  mutating func receive(_ welcome: Welcome, at milliseconds: UInt64 = 0) -> [Event] {
    receive([Message.welcome(welcome).frame(id: 0)], at: milliseconds)
  }
}

/// A session that welcomes every client at once, unless it is given the bytes directly.
extension ServerSession {
  @discardableResult
  mutating func receive(_ bytes: [UInt8], at milliseconds: UInt64 = 0) -> [Action] {
    let actions = receive(ByteString(bytes).span, now: .milliseconds(milliseconds))
    guard case .authorize? = actions.last else { return actions }
    return actions + decide(.accepted, now: .milliseconds(milliseconds))
  }

  @discardableResult
  mutating func receive(_ frames: [OutgoingFrame], at milliseconds: UInt64 = 0) -> [Action] {
    receive(frames.flatMap(Frames.bytes), at: milliseconds)
  }

  @discardableResult
  mutating func receive(_ message: Message, id: UInt32 = 0, at milliseconds: UInt64 = 0) -> [Action] {
    receive([message.frame(id: id)], at: milliseconds)
  }
}
