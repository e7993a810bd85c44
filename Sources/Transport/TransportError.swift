internal import Glibc
package import LogsSystem

/// A failure of the network or the system: what failed, why, and what to do, in one line.
package struct TransportError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Code: Hashable, Sendable {
    case invalidEndpoint
    case pathTooLong
    case addressInUse
    case addressNotAvailable
    case permissionDenied
    case nameNotFound
    case refused
    case unreachable
    case reset
    case timedOut
    /// A certificate, key or CA file cannot be used.
    case invalidTLS
    /// A handshake failed, or what came after it was damaged.
    case tls
    case outOfDescriptors
    case loopStopped
    case system
  }

  package let code: Code
  package let message: String
  package let cause: SystemError?

  package init(_ code: Code, _ message: String, cause: SystemError? = nil) {
    self.code = code
    self.message = message
    self.cause = cause
  }

  /// `what` failed because of `cause`, from which the code follows.
  init(_ what: String, cause: SystemError, advice: String? = nil, code: Code? = nil) {
    let message = "\(what): \(cause)"
    self.init(code ?? Code(cause), advice.map { "\(message); \($0)" } ?? message, cause: cause)
  }

  /// The system has refused what an event loop needs.
  static func noLoop() -> TransportError {
    TransportError("no event loop could be made", cause: .last, advice: "check the limit on open files (ulimit -n)")
  }

  package var description: String { message }

  /// Whether the same call may succeed later without any changes.
  package var isRetryable: Bool {
    switch code {
    case .invalidEndpoint, .pathTooLong, .permissionDenied, .loopStopped, .invalidTLS: false
    // For a client this means that all local ports are in use.
    case .addressNotAvailable, .addressInUse, .nameNotFound, .refused, .unreachable, .reset, .timedOut,
      .outOfDescriptors, .system, .tls:
      true
    }
  }
}

extension TransportError.Code {
  init(_ error: SystemError) {
    switch error.number {
    case EADDRINUSE: self = .addressInUse
    case EADDRNOTAVAIL: self = .addressNotAvailable
    case EACCES, EPERM: self = .permissionDenied
    // If there is no Unix socket yet, its server is not running.
    case ECONNREFUSED, ENOENT: self = .refused
    case ENETUNREACH, EHOSTUNREACH, ENETDOWN, EHOSTDOWN: self = .unreachable
    case ECONNRESET, EPIPE, ECONNABORTED: self = .reset
    case ETIMEDOUT: self = .timedOut
    case EMFILE, ENFILE: self = .outOfDescriptors
    default: self = .system
    }
  }
}
