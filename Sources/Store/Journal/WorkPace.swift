/// Divides long work into steps, between which other threads get the processor: a request that comes meanwhile waits
/// for a step, and not for all of it.
final class WorkPace {
  static let stepByteCount = 32 << 10

  private var byteCount = 0
  private let pause: () -> Void

  init(pause: @escaping () -> Void) { self.pause = pause }

  /// Takes note of what was done since the last time.
  func note(_ byteCount: Int) {
    self.byteCount += byteCount
    guard self.byteCount >= Self.stepByteCount else { return }
    self.byteCount = 0
    pause()
  }
}
