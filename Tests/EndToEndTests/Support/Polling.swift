import Glibc

/// Waits for something that nobody tells: what another process has done to its files, to its memory or to the list of
/// processes, and the numbers that a server gives only when asked. To look again and again is the only way to learn of
/// these. Everything else has an event: a line, an answer, the end of a connection, a callback, a `Monitor`.
enum Polling {
  /// Between two looks: short beside what is waited for, and long enough to leave it the processor.
  private static let pauseMicroseconds: UInt32 = 5_000

  /// Returns when `isSo` is true.
  ///
  /// - Parameter what: what is waited for, for the message.
  static func wait(
    for what: String, within patience: Duration = Environment.patience, until isSo: () throws -> Bool
  ) throws {
    let deadline = ContinuousClock.now + patience
    while try !isSo() {
      guard ContinuousClock.now < deadline else { throw Failure("\(what) did not come in \(patience)") }
      usleep(pauseMicroseconds)
    }
  }
}
