internal import LogsSystem

extension Thread {
  /// Starts a thread that runs `body`.
  static func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws(TransportError) -> Thread {
    do { return try Thread(starting: name, body) } catch {
      throw TransportError(
        "no thread could be started", cause: error, advice: "check the limit on processes (ulimit -u)")
    }
  }
}
