internal import LogsText
internal import LogsWire

/// Writes what a subscription delivers in the form of an answer: entries are the JSON of `logs query -o json`.
struct EntryText {
  let query: EntryQuery
  /// By handle: how far each stream has been told.
  private var positions: [CursorPosition] = []
  private var entryCount = 0
  private var json = JSONWriter()

  /// How long browsers wait before they connect again.
  private static let retryMilliseconds = 1_000
  /// So that proxies keep the connection, and browsers notice its end.
  static let heartbeat = Array(": heartbeat\n\n".utf8)

  init(_ query: EntryQuery) { self.query = query }

  var contentType: String {
    switch query.form {
    case .array: "application/json"
    case .lines: "application/x-ndjson"
    case .events: "text/event-stream"
    }
  }

  var headers: [HTTPHeader] {
    guard query.form != .array else { return [] }
    // Proxies must neither hold it back nor change it.
    return [HTTPHeader("Cache-Control", "no-cache, no-transform"), HTTPHeader("X-Accel-Buffering", "no")]
  }

  /// What an answer begins with.
  var beginning: [UInt8] {
    switch query.form {
    case .array: Array("[".utf8)
    case .lines: []
    case .events: Array("retry: \(Self.retryMilliseconds)\n\n".utf8)
    }
  }

  mutating func announce(_ stream: Announcement) {
    positions.append(
      CursorPosition(stream: stream.stream, incarnation: stream.incarnation, sequence: stream.position))
  }

  /// The id of the next event: it alone is enough to go on after it.
  private var cursor: String { EntryCursor.text(positions, isOfOne: query.isOfOne) }

  /// Why no id can say where the streams are; nil if one can.
  var cursorRefusal: Refusal? {
    guard query.form == .events, !query.isOfOne, cursor.utf8.count > HTTPLimits.cursorByteCountMax else { return nil }
    return Refusal(
      .badRequest,
      "the positions of so many streams do not fit the id of an event; follow fewer, or use format=ndjson")
  }

  /// - Parameter entries: those of some batches, of which `range` is delivered.
  mutating func write(_ entries: [LogEntry], _ range: BatchRange) -> [UInt8] {
    let index = Int(range.handle)
    let stream = positions[index].stream
    var output: [UInt8] = []
    for entry in query.follow.isReverse ? entries.reversed() : entries
    where (range.from...range.to).contains(entry.sequence) {
      json.removeAll()
      json.entry(entry, of: stream)
      switch query.form {
      case .array:
        if entryCount > 0 { output.append(UInt8(ascii: ",")) }
        output.append(UInt8(ascii: "\n"))
        output += json.bytes
      case .lines:
        output += json.bytes
        output.append(UInt8(ascii: "\n"))
      case .events:
        positions[index].sequence = entry.sequence
        output += event("log", json.bytes)
      }
      entryCount += 1
    }
    positions[index].sequence = range.to
    return output
  }

  /// A range that is not delivered. What a filter leaves out is what was asked for.
  mutating func skip(_ skip: Skip) -> [UInt8] {
    let index = Int(skip.handle)
    positions[index].sequence = skip.to
    guard skip.reason != .filtered else { return [] }
    let stream = positions[index].stream.text
    return note("skipped") { json in
      json.object { json in
        json.key("stream")
        json.string(stream)
        json.key("from")
        json.number(skip.from)
        json.key("to")
        json.number(skip.to)
        json.key("reason")
        json.string("\(skip.reason)")
      }
    }
  }

  /// What was stored has been delivered; what follows is new.
  mutating func live() -> [UInt8] { query.form == .events ? note("live") { json in json.object { _ in } } : [] }

  mutating func end(_ reason: EndReason) -> [UInt8] {
    switch query.form {
    case .array: return Array(entryCount > 0 ? "\n]\n".utf8 : "]\n".utf8)
    case .lines: return []
    case .events:
      return note("complete") { json in
        json.object { json in
          json.key("reason")
          json.string(reason.description)
        }
      }
    }
  }

  /// nil where only a broken answer can say that it is not complete.
  mutating func problem(_ problem: HTTPProblem) -> [UInt8]? {
    guard query.form != .array else { return nil }
    return note("error") { json in problem.write(to: &json) }
  }

  /// An event, or an object with its name as the only member.
  private mutating func note(_ name: String, _ value: (inout JSONWriter) -> Void) -> [UInt8] {
    json.removeAll()
    switch query.form {
    case .array: return []
    case .lines:
      json.object { json in
        json.key(name)
        value(&json)
      }
      json.newline()
      return json.bytes
    case .events:
      value(&json)
      return event(name, json.bytes)
    }
  }

  private func event(_ name: String, _ data: [UInt8]) -> [UInt8] {
    Array("id: \(cursor)\nevent: \(name)\ndata: ".utf8) + data + Array("\n\n".utf8)
  }
}
