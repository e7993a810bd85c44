internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// What one job borrows from the pool: one connection at a time.
///
/// The connection is kept, with a snapshot of its segment, until another segment is wanted, an error occurs, or its
/// time is up: to begin and end a transaction takes longer than to find a small run. So whatever the job looks for must
/// be committed before its first read.
final class ConnectionLease {
  private let pool: ConnectionPool
  private let timeMax: Duration
  private var lent: ReaderConnection?
  private var deadline: Int64 = 0

  /// - Parameter timeMax: how long a snapshot is kept for further reads.
  init(_ pool: ConnectionPool, timeMax: Duration) {
    self.pool = pool
    self.timeMax = timeMax
  }

  deinit { precondition(lent == nil, "a lease has to be ended") }

  /// Calls `body` with a connection to `segment`, and once more if the disk failed to read, which may have been for a
  /// moment.
  func read<Value>(
    _ segment: Segment, _ body: (ReaderConnection) throws(SQLiteError) -> Value
  ) throws(SQLiteError) -> Value {
    do throws(SQLiteError) {
      return try withConnection(to: segment, body)
    } catch {
      guard error.isFailedRead else { throw error }
      return try withConnection(to: segment, body)
    }
  }

  /// Calls `body` with a connection to `segment`. Waits while the segment is being sealed.
  func withConnection<Value>(
    to segment: Segment, _ body: (ReaderConnection) throws(SQLiteError) -> Value
  ) throws(SQLiteError) -> Value {
    if lent?.segment != segment || SystemClock.monotonic() >= deadline {
      // Give back first, then borrow: a job that waits for a connection must hold none that another one waits for.
      end()
      lent = try pool.lend(segment)
      deadline = SystemClock.monotonic() &+ timeMax.nanoseconds
    }
    switch Self.call(body, with: lent) {
    case .success(let value): return value
    case .failure(let error):
      pool.giveBack(&lent, to: segment, isUsable: false)
      throw error
    }
  }

  /// Gives back the connection. Has to be called when the job is done.
  func end() {
    guard let segment = lent?.segment else { return }
    pool.giveBack(&lent, to: segment, isUsable: Self.endSnapshot(of: lent))
  }

  /// A function of its own, so that the lease has the last reference to the connection.
  private static func call<Value>(
    _ body: (ReaderConnection) throws(SQLiteError) -> Value, with connection: ReaderConnection?
  ) -> Result<Value, SQLiteError> {
    guard let connection else { preconditionFailure("a connection was lent") }
    do throws(SQLiteError) {
      try connection.beginSnapshot()
      return .success(try body(connection))
    } catch {
      return .failure(error)
    }
  }

  private static func endSnapshot(of connection: ReaderConnection?) -> Bool {
    do throws(SQLiteError) {
      try connection?.endSnapshot()
      return true
    } catch {
      // What was read is good, and the connection is closed.
      return false
    }
  }
}
