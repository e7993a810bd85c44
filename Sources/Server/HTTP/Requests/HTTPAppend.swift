internal import LogsSystem
internal import LogsText
internal import LogsWire

/// A request to append: to which stream, in which form, and under which number.
struct HTTPAppend {
  enum Form {
    /// Each line is a message.
    case text
    /// Each line is a JSON object.
    case lines
    /// An array of JSON objects, or one.
    case array
  }

  /// With it the same request, sent again, is stored once.
  struct Number {
    let producer: ProducerID
    let value: UInt64
  }

  let stream: StreamName
  let form: Form
  let kind: LogEntry.Kind
  var number: Number?
  /// Stands for a number while the server remembers it.
  let key: String?

  init(_ name: String, _ target: HTTPTarget, _ request: HTTPRequest) throws(HTTPProblem) {
    try target.allow(["kind"])
    switch target["kind"] {
    case nil, "log": kind = .log
    case "status": kind = .status
    case let other?: throw HTTPProblem(400, "kind takes log or status, not '\(other)'; a stream is completed by itself")
    }
    do throws(LogError) { stream = try StreamName(name) } catch { throw HTTPProblem(400, error.message) }
    form = try Self.form(request)
    number = try Self.number(request)
    key = try Self.key(request)
    if request["content-encoding"] != nil {
      throw HTTPProblem(415, .unsupported, "a body is taken as it is, without content-encoding")
    }
  }

  private static func form(_ request: HTTPRequest) throws(HTTPProblem) -> Form {
    switch request["content-type"]?.split(separator: ";").first?.trimmed.lowercased() {
    case "text/plain": return .text
    case "application/x-ndjson": return .lines
    case "application/json": return .array
    default:
      throw HTTPProblem(
        415, .unsupported, "say what the body is: Content-Type: text/plain, application/x-ndjson or application/json")
    }
  }

  private static func number(_ request: HTTPRequest) throws(HTTPProblem) -> Number? {
    switch (request["logs-producer"], request["logs-batch"]) {
    case (nil, nil): return nil
    case (let producer?, let batch?):
      guard let id = ProducerID(parsing: producer) else {
        throw HTTPProblem(400, "Logs-Producer takes 32 hexadecimal digits, drawn at random once for each producer")
      }
      guard let value = UInt64(batch), (1...Limits.numberMax).contains(value) else {
        throw HTTPProblem(400, "Logs-Batch takes the number of the batch, from 1 on, one more for each")
      }
      return Number(producer: id, value: value)
    default: throw HTTPProblem(400, "Logs-Producer and Logs-Batch come together")
    }
  }

  private static func key(_ request: HTTPRequest) throws(HTTPProblem) -> String? {
    guard let key = request["idempotency-key"] else { return nil }
    guard request["logs-producer"] == nil else {
      throw HTTPProblem(400, "Idempotency-Key and Logs-Producer both number the request; give one")
    }
    guard (1...HTTPLimits.keyByteCountMax).contains(key.utf8.count) else {
      throw HTTPProblem(400, "Idempotency-Key has 1 to \(HTTPLimits.keyByteCountMax) bytes, drawn at random")
    }
    return key
  }

  /// The body as one batch.
  ///
  /// - Parameter now: completes times without a year.
  func batch(_ body: [UInt8], now: Int64) throws(HTTPProblem) -> ByteString {
    var builder = BatchBuilder(seed: HashSeed.process)
    for entry in try entries(ByteString(body), TimeRules(zone: .utc, now: now)) {
      let outcome: BatchBuilder.Outcome
      do throws(InvalidEntry) { outcome = try builder.append(entry) } catch {
        throw HTTPProblem(400, .badBatch, error.description)
      }
      guard case .added = outcome else {
        throw HTTPProblem(
          413, .frameTooLarge, "the entries are more than a batch holds; send them in several requests")
      }
    }
    guard builder.count > 0 else { throw HTTPProblem(400, "the body holds no entry") }
    return builder.finish(compressor: Compressor()).bytes
  }

  private func entries(_ body: ByteString, _ rules: TimeRules) throws(HTTPProblem) -> [LogEntry] {
    var template = LogEntry(message: ByteString())
    template.kind = kind
    switch form {
    case .text: return Self.lines(body).map { LineFormat.raw.entry(body[$0], like: template, rules) }
    case .lines, .array:
      let places = form == .lines ? Self.lines(body).filter { !$0.isEmpty } : try Self.elements(body)
      var entries: [LogEntry] = []
      for (index, place) in places.enumerated() {
        guard let entry = LineFormat.json.recognized(body[place], like: template, rules) else {
          throw HTTPProblem(400, "entry \(index + 1) is no JSON object; nothing of the body is stored")
        }
        entries.append(entry)
      }
      return entries
    }
  }

  /// Lines without their ends.
  private static func lines(_ body: ByteString) -> [Range<Int>] {
    var lines: [Range<Int>] = []
    var start = 0
    for index in 0..<body.count where body[index] == UInt8(ascii: "\n") {
      let isWindows = index > start && body[index - 1] == UInt8(ascii: "\r")
      lines.append(start..<(isWindows ? index - 1 : index))
      start = index + 1
    }
    if start < body.count { lines.append(start..<body.count) }
    return lines
  }

  /// The elements of an array; of anything else all of it. They are not checked here.
  private static func elements(_ body: ByteString) throws(HTTPProblem) -> [Range<Int>] {
    let isSpace: (Int) -> Bool = { [0x20, 0x09, 0x0a, 0x0d].contains(body[$0]) }
    guard let open = (0..<body.count).first(where: { !isSpace($0) }), body[open] == UInt8(ascii: "[") else {
      return [0..<body.count]
    }
    var elements: [Range<Int>] = []
    var start = open + 1
    var depth = 1
    var isText = false
    var index = start
    while index < body.count, depth > 0 {
      switch body[index] {
      case UInt8(ascii: "\\") where isText: index += 1
      case UInt8(ascii: "\""): isText.toggle()
      case _ where isText: break
      case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        depth -= 1
        if depth == 0 { elements.append(start..<index) }
      case UInt8(ascii: ",") where depth == 1:
        elements.append(start..<index)
        start = index + 1
      default: break
      }
      index += 1
    }
    guard depth == 0, body[index - 1] == UInt8(ascii: "]"), (index..<body.count).allSatisfy(isSpace) else {
      throw HTTPProblem(400, "the body is no JSON array; nothing of it is stored")
    }
    if elements.count == 1, elements[0].allSatisfy(isSpace) { return [] }
    return elements
  }
}
