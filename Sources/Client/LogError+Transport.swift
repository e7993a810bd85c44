internal import LogsSystem
internal import LogsTransport

extension LogError {
  /// A connection that could not be made.
  init(connecting error: TransportError) {
    let code: Code =
      switch error.code {
      case .invalidEndpoint, .pathTooLong, .invalidTLS: .invalidConfiguration
      case .loopStopped: .closed
      case .addressInUse, .addressNotAvailable, .permissionDenied, .nameNotFound, .refused, .unreachable, .reset,
        .timedOut, .outOfDescriptors, .system, .tls:
        .unreachable
      }
    self.init(code, error.message, isRetryable: error.isRetryable, cause: error.cause?.description)
  }

  /// A connection that was lost.
  init(_ reason: CloseReason, server: String) {
    switch reason {
    case .closedByPeer, .closedHere:
      self.init(.connectionLost, "the server \(server) closed the connection", isRetryable: true)
    case .failed(let error) where error.code == .tls: self.init(connecting: error)
    case .failed(let error):
      self.init(.connectionLost, error.message, isRetryable: true, cause: error.cause?.description)
    case .loopStopped: self = .closed
    }
  }
}
