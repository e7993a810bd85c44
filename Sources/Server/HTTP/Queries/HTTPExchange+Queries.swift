internal import LogsWire

/// Counts, histograms and fields: the queries of the protocol.
extension HTTPExchange {
  func begin(_ query: Query) {
    for case .stream(let name) in query.selectors {
      if let refusal = access.refusal(.read, name) { return respond(HTTPResponse(HTTPProblem(refusal))) }
    }
    let begun = core.query(query, for: access) { [weak self] event in
      guard let self else { return }
      switch event {
      case .progress: break
      case .result(let result): respond(HTTPResponse("application/json", result.json(of: query.kind)))
      case .refused(let refusal): respond(HTTPResponse(HTTPProblem(refusal)))
      }
    }
    switch begun {
    case .failure(let refusal): respond(HTTPResponse(HTTPProblem(refusal)))
    case .success(let running):
      stage = .query(running)
      carrier.awaitTurn(self)
    }
  }
}
