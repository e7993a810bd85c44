internal import LogsText
internal import LogsTransport
internal import LogsWire

/// Writes what a subscription delivers in the form of an answer.
struct EntryText {
  let query: EntryQuery
  private(set) var positions: FollowPositions
  private var entryCount = 0
  private var json = JSONWriter()
  private let store: InstanceID
  /// Of streams whose status entries have named one, by the stream without it.
  var containers: [EntryOrigin: ContainerName] = [:]
  /// Compresses frames, if the client wants that.
  var deflater: MessageDeflater?

  /// How long browsers wait before they connect again.
  private static let retryMilliseconds = 1_000

  init(_ query: EntryQuery, store: InstanceID) {
    self.query = query
    self.store = store
    positions = FollowPositions(isOfOne: query.isOfOne)
  }

  var contentType: String {
    switch query.form {
    case .array, .collected: "application/json"
    case .lines: "application/x-ndjson"
    case .events: "text/event-stream"
    case .frames, .messages: ""
    }
  }

  var headers: [HTTPHeader] {
    guard !query.isPage else { return [] }
    // Proxies must neither hold it back nor change it.
    return [HTTPHeader("Cache-Control", "no-cache, no-transform"), HTTPHeader("X-Accel-Buffering", "no")]
  }

  /// What an answer begins with.
  var beginning: [UInt8] {
    switch query.form {
    case .array: Array("[".utf8)
    case .events: Array("retry: \(Self.retryMilliseconds)\n\n".utf8)
    case .collected, .lines, .frames, .messages: []
    }
  }

  /// What comes in quiet times, so that proxies keep the connection, and clients notice its end.
  ///
  /// - Parameter now: nanoseconds since 1970.
  mutating func heartbeat(_ now: Int64) -> [UInt8] {
    switch query.form {
    case .events:
      note("heartbeat") { json in
        json.object { json in
          json.key("timestamp")
          json.time(now)
        }
      }
    // An empty line, over which readers of lines of JSON pass.
    case .lines: [UInt8(ascii: "\n")]
    case .array, .collected, .frames, .messages: []
    }
  }

  // MARK: Streams and their entries

  mutating func announce(_ stream: Announcement) { positions.announce(stream) }

  /// Why no position can be given; nil if it can, or needs not.
  var cursorRefusal: Refusal? {
    switch query.form {
    case .array, .collected, .lines, .frames, .messages: nil
    case .events: positions.refusal
    }
  }

  func origin(_ handle: UInt32) -> EntryOrigin {
    let position = positions[handle]
    var origin = EntryOrigin(stream: position.stream, incarnation: position.incarnation, store: store)
    if query.view == .container { origin.container = containers[origin] }
    return origin
  }

  /// Remembers the container that status entries of a stream name.
  mutating func learn(_ entries: [LogEntry], of handle: UInt32) {
    guard query.view == .container else { return }
    var origin = origin(handle)
    for entry in entries { origin.learn(entry) }
    learn(origin.container, of: origin)
  }

  private mutating func learn(_ container: ContainerName?, of origin: EntryOrigin) {
    guard let container else { return }
    var stream = origin
    stream.container = nil
    containers[stream] = container
  }

  /// The entries of a range of some batches, written once for all who get them in the same form at the same place.
  mutating func write(
    _ batches: ByteString, _ range: BatchRange, _ encoder: EntryEncoder, decoder: inout BatchDecoder
  ) throws(WireDecodingError) -> (bytes: ByteString, entryCount: Int) {
    let source = EntryEncoder.Source(batches: batches, range: range, view: query.view, origin: origin(range.handle))
    let parts = query.form == .events ? positions.parts(around: range.handle) : ("", "")
    let frame = EntryEncoder.Frame(
      form: query.form, before: parts.0, after: parts.1, isCompressed: deflater != nil)
    if !query.isPage, let text = encoder.text(source, frame) {
      positions.move(range.handle, to: range.to)
      learn(text.container, of: source.origin)
      return (text.bytes, text.entryCount)
    }
    let objects = try encoder.objects(source, decoder: &decoder)
    let bytes = ByteString(write(objects, range, frame))
    learn(objects.container, of: source.origin)
    if !query.isPage {
      let text = EntryEncoder.Text(
        frame: frame, bytes: bytes, entryCount: objects.count, container: objects.container)
      encoder.keep(text, source)
    }
    return (bytes, objects.count)
  }

  /// - Parameter objects: the entries of a range, oldest first.
  private mutating func write(
    _ objects: EntryObjects, _ range: BatchRange, _ frame: EntryEncoder.Frame
  ) -> [UInt8] {
    let start = Array("id: \(frame.before)".utf8)
    let middle = Array("\(frame.after)\nevent: log\ndata: ".utf8)
    var output: [UInt8] = []
    if case .messages(let words) = query.form, words.isBatched, objects.count > 0 {
      return batch(objects, range)
    }
    output.reserveCapacity(
      objects.bytes.count + objects.count * (start.count + middle.count + Self.numberByteCount))
    for number in 0..<objects.count {
      let (sequence, place) = objects[query.follow.isReverse ? objects.count - 1 - number : number]
      positions.move(range.handle, to: sequence)
      if query.form == .array {
        if entryCount > 0 { output.append(UInt8(ascii: ",")) }
        output.append(UInt8(ascii: "\n"))
        output += objects.bytes[place]
      } else if query.form == .events {
        output += start
        output.appendNumber(sequence)
        output += middle
        output += objects.bytes[place]
        output += Self.eventEnd
      } else {
        append("log", objects.bytes[place], of: range.handle, to: &output)
      }
      entryCount += 1
    }
    positions.move(range.handle, to: range.to)
    return output
  }

  /// All entries of a range in one message.
  private mutating func batch(_ objects: EntryObjects, _ range: BatchRange) -> [UInt8] {
    var list: [UInt8] = []
    list.reserveCapacity(objects.bytes.count + objects.count + 2)
    for number in 0..<objects.count {
      list.append(UInt8(ascii: number == 0 ? "[" : ","))
      list += objects.bytes[objects[number].place]
    }
    list.append(UInt8(ascii: "]"))
    positions.move(range.handle, to: range.to)
    var output: [UInt8] = []
    append("logs", list[...], of: range.handle, to: &output)
    return output
  }

  /// What a number and the end of an event take at most.
  private static let numberByteCount = 22
  private static let eventEnd = Array("\n\n".utf8)

  /// A range that is not delivered. What a filter leaves out is what was asked for.
  mutating func skip(_ skip: Skip) -> [UInt8] {
    positions.move(skip.handle, to: skip.to)
    guard skip.reason != .filtered else { return [] }
    let stream = positions[skip.handle].stream.text
    return note("skipped", of: skip.handle) { json in
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

  // MARK: Its course

  /// A subscription of a WebSocket has found its streams.
  mutating func subscribed() -> [UInt8] {
    guard case .messages = query.form else { return [] }
    let count = positions.count
    return note("subscribed") { json in
      json.object { json in
        json.key("streams")
        json.number(UInt64(count))
      }
    }
  }

  /// What was stored has been delivered; what follows is new.
  mutating func live() -> [UInt8] {
    switch query.form {
    case .events: return note("live") { json in json.object { _ in } }
    case .messages:
      let positions = positions.all
      return note("live") { json in
        json.object { json in
          json.key("after")
          json.object { json in
            for position in positions {
              json.key(position.stream.text)
              json.string(EntryCursor.text([position], isOfOne: true))
            }
          }
        }
      }
    case .array, .collected, .lines, .frames: return []
    }
  }

  mutating func end(_ reason: EndReason) -> [UInt8] {
    switch query.form {
    case .array: Array(entryCount > 0 ? "\n]\n".utf8 : "]\n".utf8)
    case .collected, .lines, .frames: []
    case .events, .messages:
      note("complete") { json in
        json.object { json in
          json.key("reason")
          json.string(reason.description)
          json.key("message")
          json.string(reason == .complete ? "Task completed" : "that was all that was asked for")
        }
      }
    }
  }

  /// The time that the client gave is over: it may connect again.
  mutating func timeout() -> [UInt8] {
    note("timeout") { json in
      json.object { json in
        json.key("message")
        json.string("Stream timeout reached")
      }
    }
  }

  /// nil where only a broken answer can say that it is not complete.
  mutating func problem(_ problem: HTTPProblem) -> [UInt8]? {
    guard !query.isPage else { return nil }
    let event = note("error") { json in problem.write(to: &json) }
    guard query.form == .events, problem.refusal.isRetryable else { return event }
    // With when to come back.
    return Array("retry: \(max(Self.retryMilliseconds, Int(problem.refusal.retryAfterMilliseconds)))\n".utf8) + event
  }

  /// - Parameter handle: the stream that it is about; nil if it is about all.
  private mutating func note(
    _ name: String, of handle: UInt32? = nil, _ value: (inout JSONWriter) -> Void
  ) -> [UInt8] {
    var output: [UInt8] = []
    json.removeAll()
    switch query.form {
    case .array, .collected: break
    case .lines, .frames:
      json.object { json in
        json.key(name)
        value(&json)
      }
      append(name, json.bytes[...], of: handle, to: &output)
    case .events, .messages:
      value(&json)
      append(name, json.bytes[...], of: handle, to: &output)
    }
    return output
  }

  /// Appends one object in its frame.
  private mutating func append(
    _ name: String, _ data: ArraySlice<UInt8>, of handle: UInt32?, to output: inout [UInt8]
  ) {
    switch query.form {
    case .array, .collected: break
    case .lines:
      output += data
      output.append(UInt8(ascii: "\n"))
    case .events:
      output += "id: \(positions.cursor)\nevent: \(name)\ndata: ".utf8
      output += data
      output += "\n\n".utf8
    case .frames: appendFrame(data, to: &output)
    case .messages(let words):
      json.removeAll()
      json.object { json in
        json.key(quoted: #""type":"#)
        json.string(name == "log" ? words.log : name)
        json.key(quoted: #""id":"#)
        json.string(words.id)
        if let handle {
          json.key(quoted: #""stream":"#)
          json.string(positions[handle].stream.text)
          json.key(quoted: #""cursor":"#)
          json.string(EntryCursor.text([positions[handle]], isOfOne: true))
        }
        json.key(name)
        json.raw(data)
      }
      appendFrame(json.bytes[...], to: &output)
    }
  }

  private func appendFrame(_ text: ArraySlice<UInt8>, to output: inout [UInt8]) {
    guard let deflater else { return WebSocketFrame.append(.text, text, to: &output) }
    WebSocketFrame.append(.text, deflater.deflate(text)[...], isCompressed: true, to: &output)
  }
}
