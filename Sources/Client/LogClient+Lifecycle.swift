internal import LogsTransport

// MARK: - Running as part of a program

extension LogClient {
  /// Returns when the client has been shut down; closes it at once when the task is cancelled.
  ///
  /// A client works without it, from its first call on. It ties the client's life to that of a task group:
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
  /// returns once that is acknowledged. Cancellation, here when the work fails, is for what cannot wait: what is queued
  /// fails with `closed` and `run` throws. With swift-service-lifecycle, which tells the two apart as well, this is all
  /// that a service takes:
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
  /// - Throws: `LogError` with `cancelled`, when the client has been closed by the cancellation of the task that ran
  ///   it.
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
  /// Closes the connection cleanly and makes no other until `resume`: for a program in the background, or a machine
  /// that is about to sleep.
  ///
  /// Nothing fails by it, and no timer runs meanwhile, not even `reconnectDeadline`. What is asked for waits, whether
  /// before or now: entries stay queued, subscriptions get `interrupted` and later go on after their last entry,
  /// requests are made again. Returns when the connection has closed, within a second. A client that is suspended,
  /// shutting down or closed stays so.
  public func suspend() async { await core.suspend() }

  /// Connects again at once, and goes on with everything that waits: nothing is lost and nothing comes twice.
  ///
  /// Does nothing when the client is not suspended.
  public func resume() async { await core.resume() }
}
