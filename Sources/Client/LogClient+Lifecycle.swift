internal import LogsTransport

// MARK: - Running as part of a program

extension LogClient {
  /// Returns when the client has been shut down. If the task is cancelled, closes the client at once.
  ///
  /// A client works without this call. It ties the lifetime of the client to a task group:
  ///
  /// ```swift
  /// try await withThrowingTaskGroup { group in
  ///   group.addTask { try await client.run() }
  ///   group.addTask {
  ///     try await work(client)
  ///     await client.shutdown()
  ///   }
  ///   for try await _ in group {}  // throws as soon as one of them fails, which cancels the other
  /// }
  /// ```
  ///
  /// Graceful shutdown is not cancellation. `shutdown`, from wherever it is called, sends what is queued, and `run`
  /// returns once that is acknowledged. Cancellation, here when the work fails, does not wait: what is queued fails
  /// with `closed`, and `run` throws. swift-service-lifecycle makes the same distinction, and a service needs no more
  /// than this:
  ///
  /// ```swift
  /// struct LogService: Service {
  ///   let client: LogClient
  ///   func run() async throws {
  ///     try await withGracefulShutdownHandler { try await client.run() } onGracefulShutdown: { Task { await
  ///     client.shutdown() } } }
  /// }
  /// ```
  ///
  /// - Throws: `LogError` with `cancelled` if the cancellation of this task closed the client.
  public func run() async throws(LogError) {
    let (loop, core, board) = (loop, core, board)
    let wasCancelled = await withTaskCancellationHandler {
      await core.untilClosed()
    } onCancel: {
      if !board.isClosed { loop.execute { core.assumeIsolated { $0.cancel() } } }
    }
    if thread == nil { loop.stop() }
    if wasCancelled { throw .cancelled("running the client") }
  }
}

// MARK: - Pausing

extension LogClient {
  /// Closes the connection cleanly and does not connect again until `resume`: for a program that goes into the
  /// background, or a machine that is about to sleep.
  ///
  /// Nothing fails, and no timer runs meanwhile, not even `reconnectDeadline`. Earlier and later calls wait: entries
  /// stay queued, subscriptions get `interrupted` and later continue after their last entry, requests are made again.
  /// Returns when the connection has closed, within a second. Has no effect on a client that is suspended, shutting
  /// down or closed.
  public func suspend() async { await core.suspend() }

  /// Connects again at once and continues everything that waits: nothing is lost and nothing comes twice.
  ///
  /// Does nothing if the client is not suspended.
  public func resume() async { await core.resume() }
}
