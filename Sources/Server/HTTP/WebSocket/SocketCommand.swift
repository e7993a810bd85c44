internal import LogsText
internal import LogsWire

/// What a client says in a text message.
enum SocketCommand {
  case subscribe(SocketSubscribe)
  case unsubscribe(String)
  case pause(String)
  case resume(String)
  /// So many more entries may be sent.
  case credit(String, UInt64)

  /// - Throws: what is wrong with it.
  init(_ object: JSONObject, now: Int64) throws(HTTPProblem) {
    guard let type = try object.text("type") else {
      self = .subscribe(try SocketSubscribe(file: object, now: now))
      return
    }
    switch type {
    case "subscribe": self = .subscribe(try SocketSubscribe(object, now: now))
    case "log.stream.start", "log.subscribe": self = .subscribe(try SocketSubscribe(container: object, now: now))
    case "unsubscribe": self = .unsubscribe(try object.id())
    case "log.stream.stop", "log.unsubscribe": self = .unsubscribe(try SocketSubscribe.container(object))
    case "pause": self = .pause(try object.id())
    case "resume": self = .resume(try object.id())
    case "credit":
      guard let count = try object.number("entries") else { throw HTTPProblem(400, "credit takes a number of entries") }
      self = .credit(try object.id(), count)
    default:
      throw HTTPProblem(
        400, "there is no message of type '\(type)'; use subscribe, unsubscribe, pause, resume or credit")
    }
  }
}

/// A subscription that a client asks for.
struct SocketSubscribe {
  let id: String
  let query: EntryQuery
  /// How many entries are sent before the client grants more; nil for any number.
  var credit: UInt64?

  init(_ object: JSONObject, now: Int64) throws(HTTPProblem) {
    try object.allow(
      ["type", "id", "streams", "after", "last", "since", "until", "limit", "view", "credit", "batches"]
        + EntryTerms.names)
    let id = try object.id()
    let credit = try object.number("credit")
    let streams = try object.texts("streams")
    let words = EntryQuery.Words(id: id, log: "log", isBatched: try object.flag("batches") ?? false)
    try self.init(words, streams, object, credit: credit, now: now)
  }

  /// `{session_id, file_path}`: the stream that a file is shipped to. Nothing is opened.
  init(file object: JSONObject, now: Int64) throws(HTTPProblem) {
    guard let id = try object.text("session_id"), let path = try object.text("file_path") else {
      throw HTTPProblem(400, "the message has no type; use subscribe, unsubscribe, pause, resume or credit")
    }
    try object.allow(["session_id", "file_path"])
    let name = path.drop { $0 == "/" }
    try self.init(EntryQuery.Words(id: id, log: "log"), ["files/\(name)"], object, credit: nil, now: now)
  }

  /// A container's logs: `{container_id}`, or the room `container_logs_<id>`.
  init(container object: JSONObject, now: Int64) throws(HTTPProblem) {
    try object.allow(["type", "container_id", "room", "last", "since", "filter", "view"])
    let container = try Self.container(object)
    let words = EntryQuery.Words(id: container, log: "log.stream")
    try self.init(words, ["docker/\(container)"], object, credit: nil, now: now)
  }

  static func container(_ object: JSONObject) throws(HTTPProblem) -> String {
    if let container = try object.text("container_id") { return container }
    let prefix = "container_logs_"
    guard let room = try object.text("room"), room.hasPrefix(prefix) else {
      throw HTTPProblem(400, "name the container: container_id, or the room container_logs_<id>")
    }
    return String(room.dropFirst(prefix.count))
  }

  private init(
    _ words: EntryQuery.Words, _ streams: [String], _ object: JSONObject, credit: UInt64?, now: Int64
  ) throws(HTTPProblem) {
    id = words.id
    self.credit = credit
    var parameters = streams.map { (name: "stream", value: $0) }
    for name in ["last", "since", "until", "limit", "view"] + EntryTerms.names {
      if let value = try object.parameter(name) { parameters.append((name, value)) }
    }
    query = try EntryQuery(
      socket: HTTPTarget(parameters: parameters), words, after: try Self.cursor(object), now: now)
  }

  /// `{"web": "606f749614c17ee5.12"}`: the last cursor of each stream.
  private static func cursor(_ object: JSONObject) throws(HTTPProblem) -> [CursorPosition]? {
    guard let after = object["after"] else { return nil }
    guard case .map(let members) = after else {
      throw HTTPProblem(
        400, "after takes an object with the last cursor of each stream: {\"web\":\"606f749614c17ee5.12\"}")
    }
    var positions: [CursorPosition] = []
    for member in members {
      guard case .string(let text) = member.value else {
        throw HTTPProblem(400, "the cursor of '\(member.key)' is no text")
      }
      let stream: StreamName
      do throws(LogError) { stream = try StreamName.readable(member.key) } catch {
        throw HTTPProblem(400, error.message)
      }
      positions.append(try EntryCursor.position(text, of: stream))
    }
    return positions
  }
}

extension JSONObject {
  /// - Throws: if a message is none.
  static func message(_ text: [UInt8]) throws(HTTPProblem) -> JSONObject {
    guard let object = JSONObject(unsafe text.span.bytes) else {
      throw HTTPProblem(400, #"a message is a JSON object like {"type":"subscribe","id":"a","streams":["web"]}"#)
    }
    return object
  }

  fileprivate func allow(_ names: [String]) throws(HTTPProblem) {
    if let odd = keys.first(where: { !names.contains($0) }) {
      throw HTTPProblem(400, "there is no member '\(odd)' here\(Spelling.suggestion(odd, among: names))")
    }
  }

  fileprivate func text(_ name: String) throws(HTTPProblem) -> String? {
    switch self[name] {
    case nil: return nil
    case .string(let text): return text
    default: throw HTTPProblem(400, "\(name) takes text")
    }
  }

  fileprivate func texts(_ name: String) throws(HTTPProblem) -> [String] {
    guard case .list(let values) = self[name] else {
      throw HTTPProblem(400, "\(name) takes an array of names and patterns")
    }
    var texts: [String] = []
    for value in values {
      guard case .string(let text) = value else { throw HTTPProblem(400, "\(name) takes an array of text") }
      texts.append(text)
    }
    return texts
  }

  fileprivate func number(_ name: String) throws(HTTPProblem) -> UInt64? {
    switch self[name] {
    case nil: return nil
    case .integer(let value) where value >= 0: return UInt64(value)
    default: throw HTTPProblem(400, "\(name) takes a number from 0 on")
    }
  }

  fileprivate func flag(_ name: String) throws(HTTPProblem) -> Bool? {
    switch self[name] {
    case nil: return nil
    case .boolean(let flag): return flag
    default: throw HTTPProblem(400, "\(name) takes true or false")
    }
  }

  /// A parameter of an address: text or a number.
  fileprivate func parameter(_ name: String) throws(HTTPProblem) -> String? {
    if case .integer(let value) = self[name] { return "\(value)" }
    return try text(name)
  }

  /// The name that the client gave a subscription.
  func id() throws(HTTPProblem) -> String {
    guard let id = try text("id"), !id.isEmpty, id.utf8.count <= HTTPLimits.subscriptionIDByteCountMax else {
      throw HTTPProblem(
        400, "id takes a name of 1 to \(HTTPLimits.subscriptionIDByteCountMax) bytes that the client chooses")
    }
    return id
  }
}
