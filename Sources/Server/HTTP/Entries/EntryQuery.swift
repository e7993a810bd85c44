internal import LogsText
internal import LogsWire

/// A request for entries: which, and in which form.
struct EntryQuery {
  enum Form: Hashable {
    /// A JSON array: a page.
    case array
    /// The same, put in order first.
    case collected(CollectedPage.Order)
    /// One JSON object a line.
    case lines
    /// Server-sent events.
    case events
    /// Frames of a WebSocket, each with an object as a line has it.
    case frames
    /// Frames of a WebSocket that say which subscription they belong to.
    case messages(Words)
  }

  /// What messages call a subscription, and an entry.
  struct Words: Hashable {
    let id: String
    let log: String
    /// Whether the entries of a batch come in one message.
    var isBatched = false
  }

  /// Whether it is one JSON value, and not a stream of them.
  var isPage: Bool {
    switch form {
    case .array, .collected: true
    case .lines, .events, .frames, .messages: false
    }
  }

  private(set) var follow: Follow
  let form: Form
  /// Whether it is about one stream that is named, whose positions then need no name.
  let isOfOne: Bool
  private(set) var view = EntryView.log
  /// How long it lasts at most; nil for as long as it takes.
  private(set) var timeout: Duration?

  /// Entries of a page if the request does not say.
  static let pageCount: UInt64 = 50
  /// How many entries a follow begins with.
  private static let recentCount: UInt64 = 1_000

  init(_ follow: Follow, _ form: Form, isOfOne: Bool, _ view: EntryView) {
    self.follow = follow
    self.form = form
    self.isOfOne = isOfOne
    self.view = view
  }

  /// A follow of the stream of a path.
  init(
    following name: String, _ target: HTTPTarget, _ request: HTTPRequest, now: Int64
  ) throws(HTTPProblem) {
    try target.allow(Self.followParameters)
    try self.init([.stream(try Self.name(name))], target, try Self.form(target, request), now)
    try resume(at: request["last-event-id"] ?? target["last_event_id"] ?? target["after"])
  }

  /// A follow of the streams and patterns of the parameters `stream`.
  init(following target: HTTPTarget, _ request: HTTPRequest, now: Int64) throws(HTTPProblem) {
    try target.allow(Self.followParameters, repeatable: "stream")
    try self.init(try Self.selectors(target), target, try Self.form(target, request), now)
    try resume(at: request["last-event-id"] ?? target["last_event_id"] ?? target["after"])
  }

  /// A follow that a message asks for.
  ///
  /// - Parameter cursor: where to go on; nil to begin.
  init(socket target: HTTPTarget, _ words: Words, after cursor: [CursorPosition]?, now: Int64) throws(HTTPProblem) {
    try self.init(try Self.selectors(target), target, .messages(words), now)
    if let cursor { resume(after: cursor) }
  }

  /// The steps of a task as they come, for 5 minutes unless the client says otherwise.
  init(followingTask id: String, _ target: HTTPTarget, _ request: HTTPRequest, now: Int64) throws(HTTPProblem) {
    try target.allow(["since", "timeout", "last_event_id", "ticket"])
    let form = try Self.form(target, request)
    try self.init([.stream(try Self.name("task/\(id)"))], target, form, now, view: .task)
    timeout = timeout ?? Self.taskTimeout
    try resume(at: request["last-event-id"] ?? target["last_event_id"])
  }

  private static let taskTimeout = Duration.seconds(300)

  /// A stream by its old path, as lines of JSON.
  init(lines target: HTTPTarget, now: Int64) throws(HTTPProblem) {
    try target.allow(Self.followParameters + ["stream"])
    try self.init(try Self.selectors(target), target, .lines, now)
    try resume(at: target["after"])
  }

  /// All streams, as an app's log on a phone shows them.
  init(everything target: HTTPTarget, now: Int64) throws(HTTPProblem) {
    try target.allow(Self.followParameters)
    try self.init([.pattern(.all)], target, .frames, now, view: .mobile)
  }

  private static let followParameters =
    [
      "after", "last", "last_event_id", "since", "until", "limit", "format", "view", "timeout", "ticket",
    ] + EntryTerms.names

  private init(
    _ selectors: [StreamSelector], _ target: HTTPTarget, _ form: Form, _ now: Int64, view: EntryView = .log
  ) throws(HTTPProblem) {
    var follow = Follow(credit: 0, selectors: selectors, start: .last(Self.recentCount))
    if case .stream = selectors[0], selectors.count == 1 { isOfOne = true } else { isOfOne = false }
    self.form = form
    self.view = try Self.view(target) ?? view
    timeout = try target.number("timeout", in: HTTPLimits.timeoutSeconds).map { .seconds(Int64($0)) }
    if let count = try target.number("last", in: 0...Limits.numberMax) {
      follow.start = count == 0 ? .now : .last(count)
    }
    if let since = try Self.time("since", target, now) { follow.start = .since(since) }
    if target["until"] == "head" {
      follow.end.atHead = true
    } else {
      follow.end.time = try Self.time("until", target, now)
    }
    follow.end.limit = try target.number("limit", in: 1...Limits.numberMax)
    follow.filter = try EntryTerms.filter(target, now, else: self.view.filter)
    self.follow = follow
  }

  /// A browser that reconnects repeats the address that it began with, and adds where it was.
  private mutating func resume(at text: String?) throws(HTTPProblem) {
    if let text, !text.isEmpty { resume(after: try EntryCursor.read(text, follow.selectors)) }
  }

  private mutating func resume(after cursor: [CursorPosition]) {
    follow.cursor = cursor
    // What is not in it did not exist yet.
    follow.start = .first
  }

  static func selectors(_ target: HTTPTarget) throws(HTTPProblem) -> [StreamSelector] {
    let texts = target.values("stream")
    guard (1...Limits.selectorCountMax).contains(texts.count) else {
      throw HTTPProblem(
        400,
        "name the streams or patterns to follow, like stream=web&stream=docker/*, at most \(Limits.selectorCountMax)")
    }
    var selectors: [StreamSelector] = []
    for text in texts {
      if StreamPattern.isPattern(text) {
        do { selectors.append(.pattern(try StreamPattern(text))) } catch { throw HTTPProblem(400, error.message) }
      } else {
        selectors.append(.stream(try name(text)))
      }
    }
    return selectors
  }

  static func view(_ target: HTTPTarget) throws(HTTPProblem) -> EntryView? {
    guard let text = target["view"] else { return nil }
    return try EntryView.parse(text)
  }

  private static func form(_ target: HTTPTarget, _ request: HTTPRequest) throws(HTTPProblem) -> Form {
    if request.wantsWebSocket { return .frames }
    switch target["format"] {
    case "sse": return .events
    case "ndjson": return .lines
    case nil: return request.lists("application/x-ndjson", in: "accept") ? .lines : .events
    case let other?: throw HTTPProblem(400, "format takes sse or ndjson, not '\(other)'")
    }
  }

  static func name(_ text: String) throws(HTTPProblem) -> StreamName {
    do throws(LogError) { return try StreamName.readable(text) } catch { throw HTTPProblem(400, error.message) }
  }

  static func time(_ name: String, _ target: HTTPTarget, _ now: Int64) throws(HTTPProblem) -> Int64? {
    guard let text = target[name] else { return nil }
    guard let time = TimeText.parse(text, now: now) else {
      if let reason = TimeText.absence(of: text, now: now) { throw HTTPProblem(400, "\(name)=\(text): \(reason)") }
      throw HTTPProblem(
        400,
        "\(name) takes a time like \(TimeText.forms), not '\(text)'\(TimeText.suggestion(for: text, now: now))")
    }
    return time
  }
}
