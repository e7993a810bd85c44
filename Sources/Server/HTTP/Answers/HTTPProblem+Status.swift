internal import LogsText
internal import LogsWire

extension HTTPProblem {
  /// With the status that stands for the refusal's code.
  init(_ refusal: Refusal) { self.init(Self.status(of: refusal.code), refusal) }

  private static func status(of code: RefusalCode) -> Int {
    switch code {
    case .protocolViolation, .badRequest, .badBatch, .filterTooCostly: 400
    case .unauthorized: 401
    case .forbidden: 403
    case .unknownStream: 404
    case .timedOut: 408
    case .outOfOrder, .producerConflict, .streamSealed, .streamReplaced, .cursorAhead: 409
    case .frameTooLarge: 413
    case .tooManyConnections, .overloaded, .tooManySubscriptions, .tooManyStreams: 429
    case .unsupported: 501
    case .goingAway, .storageFailed: 503
    case .unsupportedVersion: 505
    case .diskFull: 507
    default: 500
    }
  }

  /// How long the client is to wait, in whole seconds; nil if there is no use in it.
  private var retryAfterSeconds: UInt32? {
    guard refusal.isRetryable, [429, 503, 507].contains(status) else { return nil }
    return max(1, (refusal.retryAfterMilliseconds + 999) / 1_000)
  }

  /// The headers of the answer besides those about its body.
  var answerHeaders: [HTTPHeader] {
    var all = headers
    if status == 401 { all.append(HTTPHeader("WWW-Authenticate", "Bearer")) }
    if let retryAfterSeconds { all.append(HTTPHeader("Retry-After", "\(retryAfterSeconds)")) }
    return all
  }

  /// As RFC 9457 has it.
  func write(to json: inout JSONWriter) {
    json.object { json in
      json.key("title")
      json.string(HTTPStatus.name(status))
      json.key("status")
      json.number(UInt64(status))
      json.key("code")
      json.string(refusal.code.description)
      json.key("detail")
      json.string(refusal.text)
      json.key("retryable")
      json.boolean(refusal.isRetryable)
      if let limit = refusal.limit {
        json.key("limit")
        json.object { json in
          json.key(limit.name)
          json.number(limit.value)
        }
      }
      if let expected = refusal.expected {
        json.key("expected")
        json.number(expected)
      }
    }
  }
}

enum HTTPStatus {
  private static let names = [
    101: "Switching Protocols", 200: "OK", 303: "See Other", 304: "Not Modified", 400: "Bad Request",
    401: "Unauthorized", 403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout", 409: "Conflict", 413: "Content Too Large", 414: "URI Too Long",
    415: "Unsupported Media Type", 426: "Upgrade Required", 429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error", 501: "Not Implemented", 503: "Service Unavailable",
    505: "HTTP Version Not Supported", 507: "Insufficient Storage",
  ]

  static func name(_ status: Int) -> String { names[status] ?? "Status \(status)" }
}
