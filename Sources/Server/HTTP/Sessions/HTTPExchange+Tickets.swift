internal import LogsText
internal import LogsTransport
internal import LogsWire

/// Tickets: browsers send no header of a page's choice with an `EventSource` or a WebSocket, so the address has to say
/// who asks. It may be seen on its way, and is therefore worth nothing once it has been used.
extension HTTPExchange {
  /// The one in the address. Only routes that begin something have such a parameter.
  var ticket: String? { (try? HTTPTarget(request.target))?["ticket"] }

  func decide(ticket: String) -> AccessControl.Verdict {
    let pass = core.access.tickets.take(TokenHash(of: ticket), now: connection.loop.now)
    guard var access = pass?.access else {
      let text = "the ticket has been used or is older than 30 s; ask for another one with POST /api/v1/ticket"
      return .refused(Refusal(.unauthorized, text), after: .zero)
    }
    if let refusal = core.access.refusal(of: &access) { return .refused(refusal, after: .zero) }
    return .accepted(access)
  }

  /// The answer to a client that asks for a ticket.
  func ticketResponse() -> HTTPResponse {
    let tickets = core.access.tickets
    guard let ticket = tickets.make(for: access, now: connection.loop.now) else {
      return HTTPResponse(HTTPProblem(tickets.fullRefusal("tickets")))
    }
    var json = JSONWriter()
    json.object { json in
      json.key("ticket")
      json.string(ticket)
      json.key("expires_in")
      json.number(UInt64(tickets.duration.components.seconds))
    }
    json.newline()
    return HTTPResponse("application/json", json.bytes)
  }
}

extension PassTable {
  /// - Parameter name: of the limit.
  func fullRefusal(_ name: String) -> Refusal {
    Refusal(
      .overloaded, "there are \(countMax) \(name), which is the limit; try again when some have ended",
      isRetryable: true, retryAfterMilliseconds: 1_000, limit: .init(name, UInt64(countMax)))
  }
}
