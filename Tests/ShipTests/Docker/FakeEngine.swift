import Glibc
import LogsTransport
import LogsWire

@testable import LogsShip

/// As much of a Docker Engine as is read, on a Unix socket. Used on its loop.
final class FakeEngine {
  struct Container {
    var id: String
    var name: String
    var isTerminal = false
    var isRunning = true
    var started: Int64
    var records: [Record] = []
    /// Whether it has `max-size`; then what was rotated away is before `first`, and the current file begins at `file`.
    var isRotated = false
    var first = 0
    var file = 0
    /// Whether those who follow get what the current file has once more, at any time soon.
    var isRepeatDue = false
    /// What a request for its log is refused with.
    var refusal: (status: Int, text: String)?
  }

  /// A line, or a piece of a long one.
  struct Record {
    var stream: UInt8
    var time: Int64
    var bytes: [UInt8]
    var isEnd: Bool
  }

  /// A connection, and what it is sent.
  private final class Peer: ConnectionHandler {
    unowned let engine: FakeEngine
    var request = ""
    /// The container whose log, or "" for the events, is followed.
    var followed: String?
    /// How many bytes it still gets before the connection breaks; nil for any number.
    var budget: Int?

    init(_ engine: FakeEngine) { self.engine = engine }

    func received(_ bytes: RawSpan, on connection: Connection) {
      request += String(decoding: bytes.withUnsafeBytes { Array($0) }, as: UTF8.self)
      guard request.hasSuffix("\r\n\r\n") else { return }
      engine.answer(self, connection, String(request.split(separator: "\r\n")[0]))
      request = ""
    }

    func closed(_ connection: Connection, reason: CloseReason) { engine.forget(connection) }

    func send(_ bytes: [UInt8], on connection: Connection) {
      var bytes = bytes
      if let left = budget {
        budget = left - min(left, bytes.count)
        if bytes.count > left {
          bytes = Array(bytes.prefix(left))
          connection.send(ByteString(bytes))
          return connection.closeLingering()
        }
      }
      connection.send(ByteString(bytes))
    }

    func chunk(_ bytes: [UInt8], on connection: Connection) {
      send(Array("\(String(bytes.count, radix: 16))\r\n".utf8) + bytes + Array("\r\n".utf8), on: connection)
    }
  }

  let path: String
  private let loop: EventLoop
  private var listener: Listener?
  private var peers: [(peer: Peer, connection: Connection)] = []
  /// Its clock.
  var now: Int64 = 1_700_000_000_000_000_000
  var containers: [Container] = []
  var events: [(time: Int64, line: String)] = []
  private(set) var requests: [String] = []
  /// Draws how many bytes of a log are sent before the connection breaks; nil for all.
  var drawBudget: () -> Int? = { nil }
  /// Draws whether what a new file has is sent again now, as by Docker 20.10.
  var drawRepeat: () -> Bool = { true }
  /// Called before the next log is followed.
  var beforeFollow: (() -> Void)?
  /// How many of the records that are written next those who follow do not get.
  var skipCount = 0

  init(_ path: String, _ loop: EventLoop) throws {
    self.path = path
    self.loop = loop
    try listen()
  }

  func listen() throws {
    listener = try Listener.listen(on: .unix(path: path), loop: loop) { [unowned self] socket in
      let connection = Connection(adopting: socket, on: self.loop)
      let peer = Peer(self)
      peers.append((peer, connection))
      connection.handler = peer
    }
  }

  /// Stops as if it was killed.
  func stop() {
    listener?.close()
    listener = nil
    dropConnections()
  }

  func dropConnections() { for (_, connection) in peers { connection.close() } }

  private func forget(_ connection: Connection) { peers.removeAll { $0.connection === connection } }

  /// How many logs are followed.
  var followerCount: Int { peers.count { $0.peer.followed?.isEmpty == false } }
  var hearsEvents: Bool { peers.contains { $0.peer.followed == "" } }

  /// The starts and deaths of a container, in order.
  func runs(_ id: String) -> [String] {
    events.compactMap { event in
      guard event.line.contains("\"\(id)\"") else { return nil }
      return ["start", "die"].first { event.line.contains("\"Action\":\"\($0)\"") }
    }
  }

  // MARK: What happens

  func create(_ name: String, isTerminal: Bool = false, isRotated: Bool = false) -> String {
    let id = "\(name)\(String(repeating: "0", count: 20))"
    containers.append(Container(id: id, name: name, isTerminal: isTerminal, started: now, isRotated: isRotated))
    tell("create", id)
    tell("start", id)
    return id
  }

  private func index(_ id: String) -> Int? { containers.firstIndex { $0.id == id } }

  func write(_ id: String, _ stream: UInt8, _ text: String, time: Int64? = nil, isEnded: Bool = true) {
    guard let index = index(id) else { return }
    if time == nil, containers[index].isRotated { now += 1 }
    var rest = Array(text.utf8)[...]
    repeat {
      let piece = rest.prefix(EngineLogDecoder.pieceByteCount)
      rest = rest.dropFirst(piece.count)
      let record = Record(
        stream: stream, time: time ?? now, bytes: Array(piece), isEnd: rest.isEmpty && isEnded)
      containers[index].records.append(record)
      send(record, of: containers[index])
      if containers[index].isRepeatDue, drawRepeat() {
        containers[index].isRepeatDue = false
        for record in containers[index].records[containers[index].file...] { send(record, of: containers[index]) }
      }
    } while !rest.isEmpty
  }

  private func send(_ record: Record, of container: Container) {
    guard skipCount == 0 else { return skipCount -= 1 }
    for (peer, connection) in peers where peer.followed == container.id {
      peer.chunk(Self.sent(record, container.isTerminal), on: connection)
    }
  }

  /// Begins a new file.
  ///
  /// - Parameter count: how many records are kept of what there was.
  /// Rotates, keeping all; the new file is sent a second time once it has so many records.
  func rotate(_ id: String, repeatingAfter count: Int) {
    var left = count
    drawRepeat = {
      left -= 1
      return left == 0
    }
    rotate(id, keeping: .max)
  }

  func rotate(_ id: String, keeping count: Int) {
    guard let index = index(id) else { return }
    containers[index].file = containers[index].records.count
    containers[index].first = max(containers[index].first, containers[index].records.count - count)
    containers[index].isRepeatDue = true
  }

  func endRun(_ id: String, exitCode: Int = 0) {
    guard let index = index(id), containers[index].isRunning else { return }
    containers[index].isRunning = false
    for (peer, connection) in peers where peer.followed == id { peer.send(Array("0\r\n\r\n".utf8), on: connection) }
    tell("die", id, ",\"exitCode\":\"\(exitCode)\"")
  }

  func beginRun(_ id: String) {
    guard let index = index(id) else { return }
    containers[index].isRunning = true
    containers[index].started = now
    tell("start", id)
  }

  func remove(_ id: String) {
    endRun(id)
    tell("destroy", id)
    containers.removeAll { $0.id == id }
  }

  private func tell(_ action: String, _ id: String, _ attributes: String = "") {
    now += 1_000
    let name = containers.first { $0.id == id }?.name ?? ""
    let line = """
      {"Type":"container","Action":"\(action)","Actor":{"ID":"\(id)","Attributes":{"image":"tiny:1",\
      "name":"\(name)"\(attributes)}},"time":\(now / 1_000_000_000),"timeNano":\(now)}\n
      """
    events.append((now, line))
    for (peer, connection) in peers where peer.followed == "" { peer.chunk(Array(line.utf8), on: connection) }
  }

  // MARK: Answers

  private func answer(_ peer: Peer, _ connection: Connection, _ request: String) {
    requests.append(request)
    let target = request.split(separator: " ")[1]
    let path = target.prefix { $0 != "?" }
    var query: [Substring: Substring] = [:]
    for pair in target.dropFirst(path.count + 1).split(separator: "&") {
      query[pair.prefix { $0 != "=" }] = pair.dropFirst(pair.prefix { $0 != "=" }.count + 1)
    }
    let since = query["since"].flatMap(Self.time) ?? .min
    let parts = path.split(separator: "/")
    switch path {
    case "/info": body("{\"SystemTime\":\"\(Self.text(now))\"}", peer, connection)
    case "/events":
      head(peer, connection)
      let until = query["until"].flatMap(Self.time)
      for event in events where event.time >= since && event.time <= until ?? .max {
        peer.chunk(Array(event.line.utf8), on: connection)
      }
      if until == nil { peer.followed = "" } else { peer.send(Array("0\r\n\r\n".utf8), on: connection) }
    case "/containers/json":
      let list = containers.map {
        """
        {"Id":"\($0.id)","Names":["/\($0.name)"],"Image":"tiny:1","State":"\($0.isRunning ? "running" : "exited")",\
        "Labels":{}}
        """
      }
      body("[\(list.joined(separator: ","))]", peer, connection)
    default:
      guard parts.count == 3, let index = index(String(parts[1])) else {
        return body("{\"message\":\"no such container\"}", peer, connection, status: 404)
      }
      if parts[2] == "json" {
        body(inspect(containers[index]), peer, connection)
      } else if let refusal = containers[index].refusal {
        body("{\"message\":\"\(refusal.text)\"}", peer, connection, status: refusal.status)
      } else {
        if query["follow"] == "1" { beforeFollow?() }
        let tail = query["tail"].flatMap { Int($0) } ?? .max
        log(containers[index], since, tail, query["follow"] == "1", peer, connection)
      }
    }
  }

  private func inspect(_ container: Container) -> String {
    let options = container.isRotated ? "\"max-size\":\"1k\"" : ""
    return """
      {"Id":"\(container.id)","Name":"/\(container.name)","Config":{"Tty":\(container.isTerminal),"Image":"tiny:1",\
      "Labels":{}},"HostConfig":{"LogConfig":{"Type":"json-file","Config":{\(options)}}},\
      "State":{"Running":\(container.isRunning),\
      "StartedAt":"\(Self.text(container.started))","FinishedAt":"\(Self.text(container.isRunning ? 0 : now))",\
      "ExitCode":0}}
      """
  }

  private func log(
    _ container: Container, _ since: Int64, _ tail: Int, _ follows: Bool, _ peer: Peer, _ connection: Connection
  ) {
    head(peer, connection)
    peer.budget = drawBudget()
    for record in container.records[container.first...].suffix(tail) where record.time >= since {
      peer.chunk(Self.sent(record, container.isTerminal), on: connection)
    }
    if follows, container.isRunning {
      peer.followed = container.id
    } else {
      peer.send(Array("0\r\n\r\n".utf8), on: connection)
    }
  }

  private func head(_ peer: Peer, _ connection: Connection) {
    peer.send(
      Array("HTTP/1.1 200 OK\r\nServer: Docker/20.10.24 (linux)\r\nTransfer-Encoding: chunked\r\n\r\n".utf8),
      on: connection)
  }

  private func body(_ text: String, _ peer: Peer, _ connection: Connection, status: Int = 200) {
    let head = "HTTP/1.1 \(status) X\r\nServer: Docker/20.10.24 (linux)\r\nContent-Length: \(text.utf8.count)\r\n\r\n"
    peer.send(Array((head + text).utf8), on: connection)
  }

  private static func sent(_ record: Record, _ isTerminal: Bool) -> [UInt8] {
    let end = record.isEnd ? Array((isTerminal ? "\r\n" : "\n").utf8) : []
    let payload = Array("\(text(record.time)) ".utf8) + record.bytes + end
    if isTerminal { return payload }
    return [record.stream, 0, 0, 0, 0, 0, UInt8(payload.count >> 8), UInt8(payload.count & 255)] + payload
  }

  private static func text(_ nanoseconds: Int64) -> String {
    guard nanoseconds > 0 else { return "0001-01-01T00:00:00Z" }
    var seconds = time_t(nanoseconds / 1_000_000_000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func digits(_ number: Int, _ count: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: count - text.count) + text
    }
    let date = "\(parts.tm_year + 1900)-\(digits(Int(parts.tm_mon) + 1, 2))-\(digits(Int(parts.tm_mday), 2))"
    let clock = "\(digits(Int(parts.tm_hour), 2)):\(digits(Int(parts.tm_min), 2)):\(digits(Int(parts.tm_sec), 2))"
    return "\(date)T\(clock).\(digits(Int(nanoseconds % 1_000_000_000), 9))Z"
  }

  private static func time(_ text: Substring) -> Int64? {
    let parts = text.split(separator: ".")
    guard parts.count == 2, let seconds = Int64(parts[0]), let rest = Int64(parts[1]) else { return nil }
    return seconds * 1_000_000_000 + rest
  }
}
