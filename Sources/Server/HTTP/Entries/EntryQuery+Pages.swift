internal import LogsText
internal import LogsWire

/// Pages.
extension EntryQuery {
  static let pageParameters =
    ["after", "before", "limit", "since", "until", "view", "offset", "sort_by", "sort_order"] + EntryTerms.names

  /// A page of a stream: after a number upwards, before one or until a time downwards, or else the last ones.
  init(page name: String, _ target: HTTPTarget, now: Int64) throws(HTTPProblem) {
    try target.allow(Self.pageParameters)
    let stream = try Self.name(name)
    if ["sort_by", "sort_order", "offset"].contains(where: { target[$0] != nil }) {
      let order = try Self.order(target, isOfSeveral: false)
      try self.init([.stream(stream)], target, order, now: now)
      return
    }
    let limit = try Self.limit(target)
    var follow = Follow(credit: 0, selectors: [.stream(stream)], start: .last(limit))
    follow.end = FollowEnd(atHead: true, limit: limit)
    let view = try Self.view(target) ?? .log
    let before = try target.number("before", in: 1...Limits.numberMax)
    let since = try Self.time("since", target, now)
    follow.end.time = try Self.time("until", target, now)
    follow.filter = try EntryTerms.filter(target, now, else: view.filter)
    if let text = target["after"] {
      guard since == nil else { throw HTTPProblem(400, "after and since both say where to begin; give one") }
      let position = try EntryCursor.position(text, of: stream)
      if position.incarnation != .any {
        follow.cursor = [position]
      } else {
        follow.start = .from(position.sequence + 1)
      }
    } else if let since {
      follow.start = .since(since)
    }
    if before != nil || (follow.end.time != nil && target["after"] == nil && since == nil) {
      follow.isReverse = true
      follow.end.sequence = before.map { $0 - 1 }
      if target["after"] == nil, since == nil { follow.start = .first }
    }
    self.init(follow, .array, isOfOne: true, view)
  }

  /// A page of several streams and patterns, by time, the newest first unless it is asked for otherwise.
  init(pageOf target: HTTPTarget, now: Int64) throws(HTTPProblem) {
    try target.allow(Self.pageParameters.filter { $0 != "after" && $0 != "before" }, repeatable: "stream")
    let selectors = try Self.selectors(target)
    try self.init(selectors, target, try Self.order(target, isOfSeveral: true), now: now)
  }

  /// The entries around one, by number.
  init(around name: String, _ target: HTTPTarget) throws(HTTPProblem) {
    try target.allow(["seq", "before", "after", "view"])
    guard let center = try target.number("seq", in: 1...Limits.numberMax) else {
      throw HTTPProblem(400, "say which entry is in the middle: seq=NUMBER")
    }
    let range = 0...HTTPLimits.pageCountMax / 2
    let before = try target.number("before", in: range) ?? Self.contextCount
    let after = try target.number("after", in: range) ?? Self.contextCount
    var follow = Follow(
      credit: 0, selectors: [.stream(try Self.name(name))], start: .from(center > before ? center - before : 1))
    follow.end = FollowEnd(atHead: true)
    follow.end.sequence = min(center, Limits.numberMax - after) + after
    self.init(follow, .array, isOfOne: true, try Self.view(target) ?? .log)
  }

  private static let contextCount: UInt64 = 10

  /// The steps of a task.
  init(task id: String, _ target: HTTPTarget, now: Int64) throws(HTTPProblem) {
    try target.allow(["limit", "offset", "log_type", "step_name", "search", "sort_by", "sort_order", "since"])
    var order = CollectedPage.Order(limit: Int(try Self.limit(target)))
    order.offset = try Self.offset(target)
    order.shape = .logs
    switch target["sort_by"] {
    case nil, "created_at": order.key = .time
    case "step_name": order.key = .source
    case "log_type": order.key = .logType
    case let other?: throw HTTPProblem(400, "sort_by takes created_at, step_name or log_type, not '\(other)'")
    }
    order.isDescending = try Self.isDescending(target) ?? (order.key == .time)
    var parts: [String] = []
    if let type = target["log_type"], !type.isEmpty { parts.append(EntryView.filter(logType: type)) }
    if let step = target["step_name"], !step.isEmpty { parts.append(EntryTerms.part(of: "source", step)) }
    if let text = target["search"], !text.isEmpty { parts.append(EntryTerms.quoted(text)) }
    var follow = Follow(credit: 0, selectors: [.stream(try Self.name("task/\(id)"))], start: Self.collectedStart)
    if let since = try Self.time("since", target, now) { follow.start = .since(since) }
    follow.end = FollowEnd(atHead: true)
    follow.filter = try EntryTerms.filter(parts, now)
    self.init(follow, .collected(order), isOfOne: true, .task)
  }

  // MARK: Order

  private init(
    _ selectors: [StreamSelector], _ target: HTTPTarget, _ order: CollectedPage.Order, now: Int64
  ) throws(HTTPProblem) {
    if target["after"] != nil || target["before"] != nil {
      throw HTTPProblem(400, "after and before give pages in the order of numbers; leave out offset and sort_by")
    }
    let view = try Self.view(target) ?? .log
    // In the order of time the last ones of each stream are enough.
    let isByTime = order.key == .time && order.isDescending
    var follow = Follow(
      credit: 0, selectors: selectors,
      start: isByTime ? .last(UInt64(order.limit + order.offset)) : Self.collectedStart)
    if let since = try Self.time("since", target, now) { follow.start = .since(since) }
    follow.end = FollowEnd(atHead: true)
    follow.end.time = try Self.time("until", target, now)
    if follow.end.time != nil, isByTime, target["since"] == nil { follow.start = Self.collectedStart }
    follow.filter = try EntryTerms.filter(target, now, else: view.filter)
    self.init(follow, .collected(order), isOfOne: false, view)
  }

  private static let collectedStart = FollowStart.last(UInt64(CollectedPage.takenCountMax))

  private static func order(_ target: HTTPTarget, isOfSeveral: Bool) throws(HTTPProblem) -> CollectedPage.Order {
    let isSorted = target["sort_by"] != nil || target["sort_order"] != nil
    var order = CollectedPage.Order(limit: Int(try limit(target)))
    order.offset = try offset(target)
    switch target["sort_by"] {
    case nil, "time": order.key = .time
    case "source": order.key = .source
    case "level": order.key = .level
    case let other?: throw HTTPProblem(400, "sort_by takes time, source or level, not '\(other)'")
    }
    order.isDescending = try isDescending(target) ?? (order.key != .source)
    // An earlier page of the last ones is in the order in which the last one is.
    order.isTurned = !isOfSeveral && !isSorted
    return order
  }

  private static func limit(_ target: HTTPTarget) throws(HTTPProblem) -> UInt64 {
    try target.number("limit", in: 1...HTTPLimits.pageCountMax) ?? pageCount
  }

  private static func offset(_ target: HTTPTarget) throws(HTTPProblem) -> Int {
    Int(try target.number("offset", in: 0...UInt64(HTTPLimits.collectedEntryCountMax)) ?? 0)
  }

  private static func isDescending(_ target: HTTPTarget) throws(HTTPProblem) -> Bool? {
    switch target["sort_order"] {
    case nil: return nil
    case "desc": return true
    case "asc": return false
    case let other?: throw HTTPProblem(400, "sort_order takes asc or desc, not '\(other)'")
    }
  }
}
