internal import LogsStore
internal import LogsText
internal import LogsWire

/// What is asked of one stream besides its entries.
extension HTTPExchange {
  func begin(_ stream: StreamName) {
    if let refusal = access.refusal(.read, stream) { return respond(HTTPResponse(HTTPProblem(refusal))) }
    guard let info = core.hub.source.stream(named: stream) else {
      return respond(HTTPResponse(HTTPProblem(Refusal(.unknownStream, "there is no stream '\(stream)'"))))
    }
    var json = JSONWriter()
    StreamSummary(info).write(to: &json)
    json.newline()
    respond(HTTPResponse("application/json", json.bytes))
  }

  func begin(_ request: DeleteRequest) {
    if let refusal = access.refusal(toDelete: request.stream) {
      return respond(HTTPResponse(HTTPProblem(refusal)))
    }
    let deletion = Deletion(
      stream: request.stream, incarnation: request.incarnation, numbers: request.numbers, author: access.author)
    if request.isDryRun { return answer(request, core.store.look(at: deletion)) }
    if let refusal = core.deletionRefusal { return respond(HTTPResponse(HTTPProblem(refusal))) }
    stage = .deleting
    core.delete(deletion) { [weak self] result in self?.answer(request, result) }
  }

  private func answer(_ request: DeleteRequest, _ result: Result<DeletionSummary, Refusal>) {
    switch result {
    case .success(let summary):
      respond(HTTPResponse("application/json", summary.json(of: request.stream, isDryRun: request.isDryRun)))
    case .failure(let refusal): respond(HTTPResponse(HTTPProblem(refusal)))
    }
  }

  /// Ends a stream; the body is the message of its last entry.
  func complete(_ stream: StreamName, _ body: [UInt8]) {
    if let refusal = access.refusal(.append, stream) { return respond(HTTPResponse(HTTPProblem(refusal))) }
    guard let text = String(validating: body, as: UTF8.self), body.count <= Limits.completionTextByteCountMax else {
      let limit = Limits.completionTextByteCountMax
      return respond(HTTPResponse(HTTPProblem(400, "the body is the last message: at most \(limit) bytes of UTF-8")))
    }
    stage = .append(stream)
    let sender = Appender.Sender(client: carrier.clientID, request: id, name: access.name)
    if let refusal = core.appender.complete(stream, text: text, from: sender) {
      respond(HTTPResponse(HTTPProblem(refusal)))
    }
  }

  /// What `logs status -o json` says.
  func statusResponse() -> HTTPResponse {
    var json = JSONWriter()
    json.object { json in
      for fact in core.facts(for: access.rights) {
        json.key(fact.key)
        switch fact.value {
        case .number(let number): json.number(number)
        case .text(let text): json.string(text)
        }
      }
    }
    json.newline()
    return HTTPResponse("application/json", json.bytes)
  }
}
