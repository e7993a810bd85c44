internal import LogsTransport
internal import LogsWire

/// A request that changes nothing, so that it can be asked again over every connection until there is an answer.
struct Question {
  enum Kind: Sendable {
    case list(ListRequest)
    case stat
  }

  enum Answer: Sendable {
    case listing(Listing)
    case facts([ServerFact])
  }

  let kind: Kind
  let waiter: CheckedContinuation<Result<Answer, LogError>, Never>
  var id: UInt32?
  var refusalCount = 0
  /// Asks again after a refusal; nil when it does not wait. Ends with whatever asks before it.
  var retryTimer: LoopTimer?
}

extension ClientCore {
  func list(_ request: ListRequest) async throws(LogError) -> Listing {
    guard case .listing(let listing) = try await answer(.list(request)) else {
      throw LogError(.protocolViolation, "the server answered the question for its streams with something else")
    }
    return listing
  }

  func stat() async throws(LogError) -> [ServerFact] {
    guard case .facts(let facts) = try await answer(.stat) else {
      throw LogError(.protocolViolation, "the server answered the question for its state with something else")
    }
    return facts
  }

  private func answer(_ kind: Question.Kind) async throws(LogError) -> Question.Answer {
    guard !isClosed, !isShuttingDown else { throw .closed }
    questionKeyLast += 1
    let key = questionKeyLast
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { waiter in
        questions[key] = Question(kind: kind, waiter: waiter)
        start()
        ask(key)
      }
    } onCancel: {
      // Runs after this turn at the earliest, when the question is there.
      loop.execute { self.assumeIsolated { $0.cancelQuestion(key) } }
    }
    return try result.get()
  }

  private func cancelQuestion(_ key: UInt64) {
    guard let question = take(key) else { return }
    if let id = question.id { questionKeys[id] = nil }
    question.waiter.resume(returning: .failure(.cancelled("the question")))
  }

  func ask(_ key: UInt64) {
    guard let link = openLink, link.canAsk, let question = questions[key], question.id == nil else { return }
    let id =
      switch question.kind {
      case .list(let request): link.list(request)
      case .stat: link.stat()
      }
    questions[key]?.id = id
    endRetry(key)
    questionKeys[id] = key
  }

  /// Asks what has had to wait for other answers.
  func askWaiting() {
    guard questions.count > questionKeys.count, openLink?.canAsk == true else { return }
    for key in questions.keys.sorted() where questions[key]?.retryTimer == nil { ask(key) }
  }

  private func endRetry(_ key: UInt64) {
    questions[key]?.retryTimer?.cancel()
    questions[key]?.retryTimer = nil
  }

  /// The question with this key, which is answered now.
  private func take(_ key: UInt64) -> Question? {
    endRetry(key)
    return questions.removeValue(forKey: key)
  }

  func answered(_ id: UInt32, _ answer: Question.Answer) {
    guard let key = questionKeys.removeValue(forKey: id), let question = take(key) else { return }
    question.waiter.resume(returning: .success(answer))
  }

  func questionRefused(_ key: UInt64, _ refusal: Refusal) {
    let error = LogError(refusal)
    guard refusal.isRetryable, let count = questions[key]?.refusalCount else {
      take(key)?.waiter.resume(returning: .failure(error))
      return
    }
    questions[key]?.id = nil
    questions[key]?.refusalCount = count + 1
    let delay = configuration.backoff.delay(attempt: count, retryAfter: error.retryAfter, random: random)
    questions[key]?.retryTimer = loop.schedule(after: delay) { self.retry(key) }
  }

  /// The wait is over. When other questions fill the connection, an answer to one of them lets this one go.
  private func retry(_ key: UInt64) {
    questions[key]?.retryTimer = nil
    ask(key)
  }

  func interruptQuestions() {
    questionKeys = [:]
    for key in questions.keys { questions[key]?.id = nil }
  }

  func failQuestions(_ error: LogError) {
    questionKeys = [:]
    for key in questions.keys.sorted() { take(key)?.waiter.resume(returning: .failure(error)) }
  }
}
