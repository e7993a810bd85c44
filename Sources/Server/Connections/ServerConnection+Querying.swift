internal import LogsWire

/// QUERY: streams are found in the connection's turns, reader threads count.
extension ServerConnection {
  func begin(_ id: UInt32, _ query: Query) {
    if let refusal = refusal(toRead: query.selectors) { return send(session.refuse(id, refusal)) }
    let begun = core.query(query, for: access) { [unowned self] event in
      switch event {
      case .progress(let progress): if !isFull { send(session.tell(id, .progress(progress))) }
      case .result(let result):
        queries[id] = nil
        send(session.answer(id, .result(result)))
        closeIfDone()
      case .refused(let refusal):
        queries[id] = nil
        send(session.refuse(id, refusal))
        closeIfDone()
      }
    }
    switch begun {
    case .failure(let refusal): send(session.refuse(id, refusal))
    case .success(let running):
      queries[id] = running
      awaitTurn(id)
    }
  }

  func cancelQuery(_ id: UInt32) {
    queries.removeValue(forKey: id)?.cancel()
    send(session.end(id, .cancelled))
    closeIfDone()
  }
}
