internal import LogsTransport
internal import LogsWire

/// A request that is repeated on every connection until there is an answer, unless it changes something: a deletion is
/// sent again only after a refusal that says that it has not taken effect.
struct PendingRequest {
  enum Kind: Sendable {
    case list(ListRequest)
    case stat
    case query(Query)
    case delete(DeleteRequest)

    /// Whether it may be made again when nothing is known about the first time.
    var isRepeatable: Bool {
      switch self {
      case .list, .stat, .query: true
      case .delete(let request): request.isDryRun
      }
    }
  }

  enum Answer: Sendable {
    case listing(Listing)
    case facts([ServerFact])
    case counts(QueryResult)
    case deletion(DeletionSummary)
  }

  let kind: Kind
  let waiter: CheckedContinuation<Result<Answer, LogError>, Never>
  var id: UInt32?
  var refusalCount = 0
  /// Gets how far the server has come.
  var progress: (@Sendable (QueryProgress) -> Void)?
  /// Makes it again after a refusal; nil when it does not wait for that.
  var retryTimer: LoopTimer?

  /// Whether it is on its way and may have changed something.
  var mayHaveTakenEffect: Bool { id != nil && !kind.isRepeatable }
}

extension ClientCore {
  func list(_ request: ListRequest) async throws(LogError) -> Listing {
    guard case .listing(let listing) = try await answer(.list(request)) else {
      throw LogError(.protocolViolation, "the server answered LIST with something else")
    }
    return listing
  }

  func stat() async throws(LogError) -> [ServerFact] {
    guard case .facts(let facts) = try await answer(.stat) else {
      throw LogError(.protocolViolation, "the server answered STAT with something else")
    }
    return facts
  }

  func query(
    _ query: Query, progress: (@Sendable (QueryProgress) -> Void)?
  ) async throws(LogError) -> QueryResult {
    guard case .counts(let result) = try await answer(.query(query), progress: progress) else {
      throw LogError(.protocolViolation, "the server answered QUERY with something else")
    }
    return result
  }

  func delete(_ request: DeleteRequest) async throws(LogError) -> DeletionSummary {
    guard case .deletion(let summary) = try await answer(.delete(request)) else {
      throw LogError(
        .protocolViolation, "the server answered DELETE with something else", mayHaveTakenEffect: !request.isDryRun)
    }
    return summary
  }

  private func answer(
    _ kind: PendingRequest.Kind, progress: (@Sendable (QueryProgress) -> Void)? = nil
  ) async throws(LogError) -> PendingRequest.Answer {
    guard !isClosed, !isShuttingDown else { throw .closed }
    requestKeyLast += 1
    let key = requestKeyLast
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { waiter in
        requests[key] = PendingRequest(kind: kind, waiter: waiter, progress: progress)
        start()
        makeRequest(key)
      }
    } onCancel: {
      // Runs after this turn at the earliest, when the request is there.
      loop.execute { self.assumeIsolated { $0.cancelRequest(key) } }
    }
    return try result.get()
  }

  private func cancelRequest(_ key: UInt64) {
    guard let request = take(key) else { return }
    if let id = request.id {
      requestKeys[id] = nil
      if case .query = request.kind { openLink?.cancel(id) }
    }
    let error = LogError.cancelled("the request", mayHaveTakenEffect: request.mayHaveTakenEffect)
    request.waiter.resume(returning: .failure(error))
  }

  func makeRequest(_ key: UInt64) {
    guard let link = openLink, let request = requests[key], request.id == nil else { return }
    let isQuery = if case .query = request.kind { true } else { false }
    guard isQuery ? link.canQuery : link.canRequest else { return }
    let id =
      switch request.kind {
      case .list(let list): link.list(list)
      case .stat: link.stat()
      case .query(let query): link.query(query)
      case .delete(let request): link.delete(request)
      }
    requests[key]?.id = id
    endRetry(key)
    requestKeys[id] = key
  }

  /// Makes the requests that had to wait for answers to others.
  func makeWaitingRequests() {
    guard requests.count > requestKeys.count, openLink != nil else { return }
    for key in requests.keys.sorted() where requests[key]?.retryTimer == nil { makeRequest(key) }
  }

  private func endRetry(_ key: UInt64) {
    requests[key]?.retryTimer?.cancel()
    requests[key]?.retryTimer = nil
  }

  /// Removes the request with this key, which is answered now.
  private func take(_ key: UInt64) -> PendingRequest? {
    endRetry(key)
    return requests.removeValue(forKey: key)
  }

  func progressed(_ id: UInt32, _ progress: QueryProgress) {
    if let key = requestKeys[id] { requests[key]?.progress?(progress) }
  }

  func answered(_ id: UInt32, _ answer: PendingRequest.Answer) {
    guard let key = requestKeys.removeValue(forKey: id), let request = take(key) else { return }
    request.waiter.resume(returning: .success(answer))
  }

  func requestRefused(_ key: UInt64, _ refusal: Refusal) {
    let error = LogError(refusal)
    // What may have taken effect once is not asked for again.
    let isSettled = refusal.mayHaveTakenEffect && requests[key]?.kind.isRepeatable == false
    guard refusal.isRetryable, !isSettled, let count = requests[key]?.refusalCount else {
      take(key)?.waiter.resume(returning: .failure(error))
      return
    }
    requests[key]?.id = nil
    requests[key]?.refusalCount = count + 1
    let delay = configuration.backoff.delay(attempt: count, retryAfter: error.retryAfter, random: random)
    requests[key]?.retryTimer = loop.schedule(after: delay) { self.retry(key) }
  }

  /// The wait is over. If the connection has no room for a request, this one follows when another one is answered.
  private func retry(_ key: UInt64) {
    requests[key]?.retryTimer = nil
    makeRequest(key)
  }

  /// The connection is lost.
  func interruptRequests(_ error: LogError) {
    requestKeys = [:]
    for key in requests.keys.sorted() {
      if requests[key]?.mayHaveTakenEffect == true { fail(key, error) }
      requests[key]?.id = nil
    }
  }

  func failRequests(_ error: LogError) {
    requestKeys = [:]
    for key in requests.keys.sorted() { fail(key, error) }
  }

  private func fail(_ key: UInt64, _ error: LogError) {
    guard let request = take(key) else { return }
    guard request.mayHaveTakenEffect else { return request.waiter.resume(returning: .failure(error)) }
    var error = error
    error.message = "the deletion has no answer and may have taken effect: \(error.message)"
    // To make it again is up to the caller: the stream may be another one by then.
    error.isRetryable = false
    error.mayHaveTakenEffect = true
    request.waiter.resume(returning: .failure(error))
  }
}
