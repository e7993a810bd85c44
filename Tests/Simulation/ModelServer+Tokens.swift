import LogsWire

/// Tokens that are rotated while clients are connected.
extension ModelServer {
  /// Another token counts from now on. Clients can have it at once or a while later, and the connections with the one
  /// before go on for a while.
  func rotate() {
    token = "\(generation).\(simulation.milliseconds)"
    let new = token
    simulation.trace("token \(new)")
    let delay = tokenDice.chance(2) ? UInt64.random(in: 0...400, using: &tokenDice) : 0
    simulation.at(simulation.milliseconds + delay) { [unowned self] in handedToken = new }
    for connection in connections {
      let grace = UInt64.random(in: 50...500, using: &tokenDice)
      guard
        let frame = connection.session.challenge(Challenge(graceMilliseconds: UInt32(grace), text: "rotated"))
      else { continue }
      send(frame, connection)
      simulation.at(simulation.milliseconds + grace) { [unowned self, weak connection] in
        guard let connection, connection.token != token else { return }
        connection.link.hasFault = true
        act(connection.session.end(because: Refusal(.unauthorized, "revoked", isRetryable: true)), connection)
      }
    }
  }

  func renew(_ id: UInt32, _ shown: String, _ connection: Connection) {
    let isRight = shown == token
    if isRight { connection.token = shown }
    let delay = isRight ? 0 : UInt64.random(in: 0...100, using: &tokenDice)
    simulation.at(simulation.milliseconds + delay) { [unowned self, weak connection] in
      guard let connection else { return }
      if isRight { renewalCount += 1 }
      send(
        isRight
          ? connection.session.answer(id, .authorized)
          : connection.session.refuse(id, Refusal(.unauthorized, "wrong")), connection)
    }
  }
}
