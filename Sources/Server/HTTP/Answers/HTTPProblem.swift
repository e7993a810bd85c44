internal import LogsWire

/// Why a request is not carried out, and the status that says so.
struct HTTPProblem: Error, Hashable, Sendable {
  let status: Int
  let refusal: Refusal
  /// What the answer needs besides its body.
  var headers: [HTTPHeader] = []

  init(_ status: Int, _ refusal: Refusal) { (self.status, self.refusal) = (status, refusal) }

  init(_ status: Int, _ code: RefusalCode, _ text: String) { self.init(status, Refusal(code, text)) }

  /// 400, or another status for a request that is wrong.
  init(_ status: Int, _ text: String) { self.init(status, .badRequest, text) }
}
