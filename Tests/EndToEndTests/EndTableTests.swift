import Glibc
import LogsSystem
import LogsWire
import Testing

/// The table of `spec/session.md`, section 5.6, tested row by row on the real server: when LIVE and END come.
@Suite(.ownThread) struct EndTableTests {
  /// An input, or the events that are expected of it.
  enum Step {
    /// These events, in order for each stream; `x 1-3` are entries, in any number of frames.
    case comes([String])
    /// No events come.
    case quiet
    case append(String, [Int64])
    case seal(String)
  }

  struct Row: CustomTestStringConvertible, Sendable {
    let testDescription: String
    var selectors: [String]
    var start = FollowStart.first
    var end = FollowEnd()
    /// Ends at a time that is in the future when it begins.
    var endsIn: Duration?
    var isReverse = false
    var cursor: [String: UInt64] = [:]
    let steps: @Sendable (Int64) -> [Step]

    init(
      _ name: String, _ selectors: [String], start: FollowStart = .first, end: FollowEnd = FollowEnd(),
      endsIn: Duration? = nil,
      isReverse: Bool = false, cursor: [String: UInt64] = [:], _ steps: @escaping @Sendable (Int64) -> [Step]
    ) {
      testDescription = name
      self.selectors = selectors
      self.start = start
      self.end = end
      self.endsIn = endsIn
      self.isReverse = isReverse
      self.cursor = cursor
      self.steps = steps
    }

    init(
      _ name: String, _ selectors: [String], start: FollowStart = .first, end: FollowEnd = FollowEnd(),
      endsIn: Duration? = nil,
      isReverse: Bool = false, cursor: [String: UInt64] = [:], comes events: String...
    ) {
      self.init(
        name, selectors, start: start, end: end, endsIn: endsIn, isReverse: isReverse, cursor: cursor,
        { _ in [.comes(events)] })
    }
  }

  /// Entry n of an existing stream has this time plus n - 1 seconds.
  private static let time: Int64 = 1_700_000_000_000_000_000
  private static let second: Int64 = 1_000_000_000
  private static let soon = Duration.seconds(5)
  private static let hour = Duration.seconds(3600)

  private static func until(second number: Int64) -> FollowEnd { FollowEnd(time: time + (number - 1) * second) }

  // MARK: - Rows

  /// Open streams `x` and `y` with 3 entries and 1, and a sealed one, `s`, with 3; `m` and `n/...` do not exist.
  static let none: [Row] = [
    Row("no end, the stream exists", ["x"]) { _ in
      [
        .comes(["STREAM x 0/3", "RESOLVED 1", "x 1-3", "LIVE"]), .quiet, .append("x", [0]), .comes(["x 4-4"]),
        .seal("x"), .comes(["x 5-5", "END complete"]),
      ]
    },
    Row("no end, one stream is missing", ["x", "m"]) { _ in
      [
        .comes(["STREAM x 0/3", "RESOLVED 1", "x 1-3", "LIVE"]), .seal("x"), .comes(["x 4-4"]), .quiet,
        .append("m", [0]), .comes(["STREAM m 0/1", "m 1-1"]), .quiet, .seal("m"), .comes(["m 2-2", "END complete"]),
      ]
    },
    Row("no end, nothing exists", ["m"]) { _ in [.comes(["RESOLVED 0", "LIVE"]), .quiet] },
    Row("no end, a pattern", ["s*"]) { _ in
      [
        .comes(["STREAM s 0/3", "RESOLVED 1", "s 1-3", "LIVE"]), .quiet, .append("s2", [0]),
        .comes(["STREAM s2 0/1", "s2 1-1"]), .seal("s2"), .comes(["s2 2-2"]), .quiet,
      ]
    },
    Row("no end, a pattern without a match", ["n/*"]) { _ in [.comes(["RESOLVED 0", "LIVE"]), .quiet] },
    Row("no end, sealed before", ["s"], comes: "STREAM s 0/3", "RESOLVED 1", "s 1-3", "END complete"),
  ]

  static let atHead: [Row] = [
    Row("at head", ["x"], end: FollowEnd(atHead: true), comes: "STREAM x 0/3", "RESOLVED 1", "x 1-3", "END until"),
    Row(
      "at head, one is missing", ["x", "m"], end: FollowEnd(atHead: true), comes: "STREAM x 0/3", "RESOLVED 1", "x 1-3",
      "END until"),
    Row("at head, nothing exists", ["m"], end: FollowEnd(atHead: true), comes: "RESOLVED 0", "END until"),
    Row("at head, a pattern without a match", ["n/*"], end: FollowEnd(atHead: true), comes: "RESOLVED 0", "END until"),
    Row(
      "at head, sealed", ["s"], end: FollowEnd(atHead: true), comes: "STREAM s 0/3", "RESOLVED 1", "s 1-3",
      "END until"),
    Row(
      "at head, from now", ["x"], start: .now, end: FollowEnd(atHead: true), comes: "STREAM x 3/3", "RESOLVED 1",
      "END until"),
    Row(
      "at head or a lower number", ["x"], end: FollowEnd(atHead: true, sequence: 2), comes: "STREAM x 0/3",
      "RESOLVED 1",
      "x 1-2",
      "END until"),
    Row(
      "at head, a number beyond it", ["x"], end: FollowEnd(atHead: true, sequence: 9), comes: "STREAM x 0/3",
      "RESOLVED 1",
      "x 1-3",
      "END until"),
  ]

  static let sequence: [Row] = [
    Row("a number", ["x"], end: FollowEnd(sequence: 2), comes: "STREAM x 0/3", "RESOLVED 1", "x 1-2", "END until"),
    Row("number 0", ["x"], end: FollowEnd(sequence: 0), comes: "STREAM x 0/3", "RESOLVED 1", "END until"),
    Row("a number beyond the head", ["x"], end: FollowEnd(sequence: 5)) { _ in
      [
        .comes(["STREAM x 0/3", "RESOLVED 1", "x 1-3", "LIVE"]), .quiet, .append("x", [0, 0, 0]),
        .comes(["x 4-5", "END until"]),
      ]
    },
    Row("a number that one stream has reached", ["x", "y"], end: FollowEnd(sequence: 2)) { _ in
      [
        .comes(["STREAM x 0/3", "STREAM y 0/1", "RESOLVED 2", "x 1-2", "y 1-1", "LIVE"]), .append("x", [0]), .quiet,
        .append("y", [0]), .comes(["y 2-2", "END until"]),
      ]
    },
    Row("a number, one is missing", ["x", "m"], end: FollowEnd(sequence: 2)) { _ in
      [
        .comes(["STREAM x 0/3", "RESOLVED 1", "x 1-2", "LIVE"]), .quiet, .append("m", [0, 0, 0]),
        .comes(["STREAM m 0/3", "m 1-2", "END until"]),
      ]
    },
    Row(
      "a number, a pattern", ["x*"], end: FollowEnd(sequence: 2), comes: "STREAM x 0/3", "RESOLVED 1", "x 1-2",
      "END until"),
    Row("a number, a pattern without a match", ["n/*"], end: FollowEnd(sequence: 2)) { _ in
      [
        .comes(["RESOLVED 0", "LIVE"]), .quiet, .append("n/1", [0]), .comes(["STREAM n/1 0/1", "n/1 1-1"]), .quiet,
        .append("n/1", [0, 0]), .comes(["n/1 2-2", "END until"]),
      ]
    },
    Row(
      "a number beyond the end of a sealed stream", ["s"], end: FollowEnd(sequence: 5), comes: "STREAM s 0/3",
      "RESOLVED 1",
      "s 1-3",
      "END complete"),
    Row(
      "the number of a sealed stream's last entry", ["s"], end: FollowEnd(sequence: 3), comes: "STREAM s 0/3",
      "RESOLVED 1",
      "s 1-3",
      "END until"),
    Row(
      "a number, one sealed below it and one there", ["s", "z"], end: FollowEnd(sequence: 4), comes: "STREAM s 0/3",
      "STREAM z 0/9",
      "RESOLVED 2", "s 1-3", "z 1-4", "END until"),
    Row(
      "a number, a pattern of sealed streams", ["s*"], end: FollowEnd(sequence: 5), comes: "STREAM s 0/3", "RESOLVED 1",
      "s 1-3",
      "END until"),
  ]

  static let future: [Row] = [
    Row("a later entry ends it before the time", ["x"], endsIn: hour) { end in
      [
        .comes(["STREAM x 0/3", "RESOLVED 1", "x 1-3", "LIVE"]), .append("x", [end]), .comes(["x 4-4"]), .quiet,
        .append("x", [end + 1]), .comes(["END until"]),
      ]
    },
    Row("the time comes", ["x"], endsIn: soon) { _ in
      [.comes(["STREAM x 0/3", "RESOLVED 1", "x 1-3", "LIVE", "END until"])]
    },
    Row("the time comes, one is missing", ["x", "m"], endsIn: soon) { end in
      // The later entry may come before or after the time: in either case it is not delivered, and ends nothing.
      [
        .comes(["STREAM x 0/3", "RESOLVED 1", "x 1-3", "LIVE"]), .append("x", [end + second]), .comes(["END until"]),
      ]
    },
    Row("the time comes, nothing exists", ["m"], endsIn: soon) { _ in [.comes(["RESOLVED 0", "LIVE", "END until"])] },
    Row("the time comes, a pattern without a match", ["n/*"], endsIn: soon) { _ in
      [.comes(["RESOLVED 0", "LIVE", "END until"])]
    },
    Row("the time comes, a pattern of sealed streams", ["s*"], endsIn: soon) { _ in
      [.comes(["STREAM s 0/3", "RESOLVED 1", "s 1-3", "LIVE", "END until"])]
    },
    Row("a later entry, a pattern", ["x*"], endsIn: hour) { end in
      [
        .comes(["STREAM x 0/3", "RESOLVED 1", "x 1-3", "LIVE"]), .quiet, .append("x", [end + 1]), .comes(["END until"]),
      ]
    },
    Row("sealed before the time", ["s"], endsIn: hour) { _ in
      [.comes(["STREAM s 0/3", "RESOLVED 1", "s 1-3", "END complete"])]
    },
  ]

  static let past: [Row] = [
    Row("a time", ["x"], end: until(second: 2), comes: "STREAM x 0/3", "RESOLVED 1", "x 1-2", "END until"),
    Row("a time before all", ["x"], end: until(second: 0), comes: "STREAM x 0/3", "RESOLVED 1", "END until"),
    Row("a time behind all", ["x"], end: until(second: 9), comes: "STREAM x 0/3", "RESOLVED 1", "x 1-3", "END until"),
    Row(
      "a time, one is missing", ["x", "m"], end: until(second: 2), comes: "STREAM x 0/3", "RESOLVED 1", "x 1-2",
      "END until"),
    Row("a time, nothing exists", ["m"], end: until(second: 2), comes: "RESOLVED 0", "END until"),
    Row("a time, a pattern without a match", ["n/*"], end: until(second: 2), comes: "RESOLVED 0", "END until"),
    Row("a time, sealed", ["s"], end: until(second: 2), comes: "STREAM s 0/3", "RESOLVED 1", "s 1-2", "END until"),
  ]

  static let limit: [Row] = [
    Row("a limit", ["x"], end: FollowEnd(limit: 2), comes: "STREAM x 0/3", "RESOLVED 1", "x 1-2", "END limit"),
    Row("a limit of 0", ["x"], end: FollowEnd(limit: 0), comes: "STREAM x 0/3", "RESOLVED 1", "END limit"),
    Row("a limit of 0, nothing exists", ["m"], end: FollowEnd(limit: 0), comes: "RESOLVED 0", "END limit"),
    Row(
      "a limit and the head at once", ["x"], end: FollowEnd(atHead: true, limit: 3), comes: "STREAM x 0/3",
      "RESOLVED 1",
      "x 1-3",
      "END limit"),
    Row(
      "a limit and the seal at once", ["s"], end: FollowEnd(limit: 3), comes: "STREAM s 0/3", "RESOLVED 1", "s 1-3",
      "END limit"),
    Row("a limit beyond the head, a pattern", ["x*"], end: FollowEnd(limit: 5)) { _ in
      [
        .comes(["STREAM x 0/3", "RESOLVED 1", "x 1-3", "LIVE"]), .quiet, .append("x", [0, 0, 0]),
        .comes(["x 4-5", "END limit"]),
      ]
    },
    Row(
      "the largest limit and count", ["x"], start: .last(.max), end: FollowEnd(atHead: true, limit: .max),
      comes: "STREAM x 0/3",
      "RESOLVED 1", "x 1-3", "END until"),
    Row(
      "a limit that streams share", ["p/a", "p/b", "p/c"], end: FollowEnd(limit: 250), comes: "STREAM p/a 0/300",
      "STREAM p/b 0/300",
      "STREAM p/c 0/30", "RESOLVED 3", "p/a 1-120", "p/b 1-100", "p/c 1-30", "END limit"),
  ]

  static let reverse: [Row] = [
    Row("reverse", ["x"], isReverse: true, comes: "STREAM x 4/3", "RESOLVED 1", "x 1-3", "END start"),
    Row(
      "reverse, at head", ["x"], end: FollowEnd(atHead: true), isReverse: true, comes: "STREAM x 4/3", "RESOLVED 1",
      "x 1-3",
      "END start"),
    Row("reverse, sealed", ["s"], isReverse: true, comes: "STREAM s 4/3", "RESOLVED 1", "s 1-3", "END start"),
    Row(
      "reverse, a number", ["x"], end: FollowEnd(sequence: 2), isReverse: true, comes: "STREAM x 3/3", "RESOLVED 1",
      "x 1-2",
      "END start"),
    Row(
      "reverse, a number beyond the head", ["x"], end: FollowEnd(sequence: 9), isReverse: true, comes: "STREAM x 4/3",
      "RESOLVED 1",
      "x 1-3", "END start"),
    Row(
      "reverse, a limit", ["x"], end: FollowEnd(limit: 2), isReverse: true, comes: "STREAM x 4/3", "RESOLVED 1",
      "x 2-3",
      "END limit"),
    Row("reverse, from now", ["x"], start: .now, isReverse: true, comes: "STREAM x 4/3", "RESOLVED 1", "END start"),
    Row(
      "reverse, the last two", ["x"], start: .last(2), isReverse: true, comes: "STREAM x 4/3", "RESOLVED 1", "x 2-3",
      "END start"),
    Row(
      "reverse, a time", ["x"], end: until(second: 2), isReverse: true, comes: "STREAM x 3/3", "RESOLVED 1", "x 1-2",
      "END start"),
    Row(
      "reverse, a time before all", ["x"], end: until(second: 0), isReverse: true, comes: "STREAM x 1/3", "RESOLVED 1",
      "END start"),
    Row(
      "reverse, a time that is still to come", ["x"], endsIn: hour, isReverse: true, comes: "STREAM x 4/3",
      "RESOLVED 1", "x 1-3", "END start"),
    Row(
      "reverse, a time and a lower number", ["x"], end: FollowEnd(sequence: 1, time: time + second), isReverse: true,
      comes: "STREAM x 2/3", "RESOLVED 1", "x 1-1", "END start"),
    Row(
      "reverse, a time and a higher number", ["x"], end: FollowEnd(sequence: 3, time: time + second), isReverse: true,
      comes: "STREAM x 3/3", "RESOLVED 1", "x 1-2", "END start"),
    Row(
      "reverse, a time and a limit", ["x"], end: FollowEnd(time: time + second, limit: 1), isReverse: true,
      comes: "STREAM x 3/3", "RESOLVED 1", "x 2-2", "END limit"),
    Row(
      "reverse, from a time to a time", ["x"], start: .since(time + second), end: until(second: 2), isReverse: true,
      comes: "STREAM x 3/3", "RESOLVED 1", "x 2-2", "END start"),
    Row(
      "reverse, a time before the start", ["x"], start: .from(3), end: until(second: 2), isReverse: true,
      comes: "STREAM x 3/3", "RESOLVED 1", "END start"),
    Row(
      "reverse, a time, sealed and missing", ["s", "m"], end: until(second: 2), isReverse: true,
      comes: "STREAM s 3/3", "RESOLVED 1", "s 1-2", "END start"),
    Row(
      "reverse, times that step back", ["b"], end: until(second: 3), isReverse: true, comes: "STREAM b 5/6",
      "RESOLVED 1", "b 1-4", "END start"),
    Row(
      "reverse, one is missing", ["x", "m"], isReverse: true, comes: "STREAM x 4/3", "RESOLVED 1", "x 1-3",
      "END start"),
    Row("reverse, nothing exists", ["m"], isReverse: true, comes: "RESOLVED 0", "END start"),
    Row("reverse, a pattern without a match", ["n/*"], isReverse: true, comes: "RESOLVED 0", "END start"),
  ]

  static let cursors: [Row] = [
    Row("a cursor for a missing stream that is named", ["m"], cursor: ["m": 5], comes: "ERROR cursor_ahead"),
    Row("a cursor at 0 for a missing stream", ["m"], cursor: ["m": 0], comes: "RESOLVED 0", "LIVE"),
    Row("a cursor for a missing stream that a pattern matches", ["n/*"], cursor: ["n/1": 5]) { _ in
      [.comes(["RESOLVED 0", "LIVE"]), .append("n/1", [0]), .comes(["STREAM n/1 0/1", "n/1 1-1"])]
    },
    Row(
      "a cursor for a stream that nothing selects", ["x"], cursor: ["y": 500], comes: "STREAM x 0/3", "RESOLVED 1",
      "x 1-3",
      "LIVE"),
    Row("a cursor beyond the head", ["x"], cursor: ["x": 4], comes: "ERROR cursor_ahead"),
    Row("a start beyond the next number", ["x"], start: .from(5), comes: "ERROR cursor_ahead"),
    Row("a start at the next number", ["x"], start: .from(4), comes: "STREAM x 3/3", "RESOLVED 1", "LIVE"),
  ]

  @Test(arguments: [none, atHead, sequence, future, past, limit, reverse, cursors])
  func `LIVE and END come when the table says`(_ rows: [Row]) throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      // All rows are begun before the first is checked, so that those that wait for a time wait together.
      var walks: [Walk] = []
      for (index, row) in rows.enumerated() {
        walks.append(try Walk(row, RawClient(server.url), prefix: "row\(index)/"))
      }
      for walk in walks { try walk.go() }
    }
  }

  @Test func `END follows the time, not the next look at the deadlines`() throws {
    try Scene.play { scene in
      // The server looks at the deadlines less often than a test waits for an answer.
      let server = try TestServer(scene, ["--heartbeat", "600s", "--handshake-timeout", "600s"])
      let client = try RawClient(server.url)
      try client.handshake()
      var delays: [Int64] = []
      for id: UInt32 in 1...5 {
        let end = SystemClock.wall() + 500 * 1_000_000
        try client.send(
          .follow(
            Follow(credit: 0, selectors: [.stream(StreamName("web"))], start: .first, end: FollowEnd(time: end))),
          id: id)
        // LIVE, too, unless the server got to it only after the time.
        var last = try client.receive().message
        while last.type == .resolved || last.type == .live { last = try client.receive().message }
        guard case .end(.until) = last else { throw Failure("\(last.type), no END") }
        delays.append(SystemClock.wall() - end)
      }
      print("END came \(delays.map { $0 / 1000 }) us after the time")
      #expect(delays.allSatisfy { $0 > 0 })
    }
  }
}

/// One row on one connection.
private final class Walk {
  private let row: EndTableTests.Row
  private let client: RawClient
  private let prefix: String
  private var end: Int64 = 0
  private let producer = ProducerID.random()
  private var numbers: [String: UInt64] = [:]
  private var names: [UInt32: String] = [:]
  /// Events of the subscription that have not been examined yet.
  private var events: [String] = []
  private var lastID: UInt32 = 100
  private static let subscription: UInt32 = 7

  init(_ row: EndTableTests.Row, _ client: RawClient, prefix: String) throws {
    self.row = row
    self.client = client
    self.prefix = prefix
    try client.handshake()
    let base: Int64 = 1_700_000_000_000_000_000
    let times = { (count: Int64) in (0..<count).map { base + $0 * 1_000_000_000 } }
    for (stream, count) in [("x", 3), ("y", 1), ("s", 2), ("z", 9)] as [(String, Int64)] {
      try append(stream, times(count))
    }
    try seal("s")
    if row.selectors.contains("b") { try append("b", [1, 9, 0, 3, 8, 8].map { base + ($0 - 1) * 1_000_000_000 }) }
    if row.selectors.contains("p/a") {
      for (stream, count) in [("p/a", 300), ("p/b", 300), ("p/c", 30)] { try append(stream, times(Int64(count))) }
    }
    var wanted = row.end
    if let wait = row.endsIn {
      end = SystemClock.wall() + wait.nanoseconds
      wanted.time = end
    }
    let selectors = try row.selectors.map { text -> StreamSelector in
      text.contains("*") ? .pattern(try StreamPattern(prefix + text)) : .stream(try StreamName(prefix + text))
    }
    let cursor = try row.cursor.sorted { $0.key < $1.key }.map {
      CursorPosition(stream: try StreamName(prefix + $0.key), incarnation: .any, sequence: $0.value)
    }
    try client.send(
      .follow(
        Follow(
          credit: 1 << 40, selectors: selectors, start: row.start, end: wanted, isReverse: row.isReverse,
          cursor: cursor)), id: Self.subscription)
  }

  func go() throws {
    for step in row.steps(end) {
      switch step {
      case .append(let stream, let times): try append(stream, times)
      case .seal(let stream): try seal(stream)
      case .comes(let expected): try expect(expected)
      case .quiet: try expectNothing()
      }
    }
    try expectNothing()
  }

  private func expect(_ expected: [String]) throws {
    while Self.joined(events).count < expected.count || Self.joined(events).last != expected.last {
      _ = try take()
      if Self.joined(events).count > expected.count { break }
    }
    let found = Self.joined(events)
    #expect(found == expected, "\(row.testDescription)")
    guard found == expected else { throw Failure("\(row.testDescription): \(found)") }
    events = []
  }

  /// When a request is answered, everything sent before the answer has arrived.
  private func expectNothing() throws {
    lastID += 1
    try client.send(.stat, id: lastID)
    while try take() != lastID {}
    #expect(events.isEmpty, "\(row.testDescription)")
    events = []
  }

  private func append(_ stream: String, _ times: [Int64]) throws {
    var builder = BatchBuilder(seed: 1)
    for (index, time) in times.enumerated() {
      _ = try builder.append(LogEntry(message: ByteString("\(stream) \(index)"), time: time))
    }
    let batch = builder.finish(compressor: Compressor()).bytes
    try request(stream) { number, name in
      .append(Append(producer: producer, number: number, floor: 1, stream: name, batch: batch))
    }
  }

  private func seal(_ stream: String) throws {
    try request(stream) { number, name in
      .complete(Complete(producer: producer, number: number, floor: 1, stream: name, text: ""))
    }
  }

  private func request(_ stream: String, _ message: (UInt64, StreamName) -> Message) throws {
    numbers[stream, default: 0] += 1
    lastID += 1
    try client.send(message(numbers[stream] ?? 1, try StreamName(prefix + stream)), id: lastID)
    while try take() != lastID {}
  }

  /// Takes the next message.
  ///
  /// - Returns: its id if it answers a request, else that of the subscription.
  private func take() throws -> UInt32 {
    let received = try client.receive()
    switch received.message {
    case .stream(let told):
      let name = String(told.stream.text.dropFirst(prefix.count))
      names[told.handle] = name
      events.append("STREAM \(name) \(told.position)/\(told.head)")
    case .resolved(let count): events.append("RESOLVED \(count)")
    case .batch(let range, _): events.append("\(names[range.handle] ?? "?") \(range.from)-\(range.to)")
    case .skip(let skip): events.append("SKIP \(skip.from)-\(skip.to)")
    case .live: events.append("LIVE")
    case .end(let reason): events.append("END \(reason)")
    case .error(let refusal) where received.id == Self.subscription: events.append("ERROR \(refusal.code)")
    case .ack, .status: return received.id
    case let other: throw Failure("\(row.testDescription): \(other.type)")
    }
    return Self.subscription
  }

  /// Joins entries of a stream that came in several frames into one event, and puts events of several streams in the
  /// order of the streams' names.
  private static func joined(_ events: [String]) -> [String] {
    var joined: [String] = []
    var entries: [String: ClosedRange<UInt64>] = [:]
    func flush() {
      joined += entries.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.lowerBound)-\($0.value.upperBound)" }
      entries = [:]
    }
    for event in events {
      let words = event.split(separator: " ").map(String.init)
      let numbers = words.last?.split(separator: "-").compactMap { UInt64($0) } ?? []
      if words.count == 2, numbers.count == 2, words[0] != "SKIP" {
        let known = entries[words[0]] ?? numbers[0]...numbers[1]
        entries[words[0]] = min(known.lowerBound, numbers[0])...max(known.upperBound, numbers[1])
      } else {
        flush()
        joined.append(event)
      }
    }
    flush()
    return joined
  }
}
