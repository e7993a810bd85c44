/// What one connection may do before it is the next one's turn, counted in steps of about two nanoseconds.
package struct Turn {
  /// Work that takes longer than a step, and the number of steps that it counts for.
  enum Work {
    /// To give a request or subscription its part of the turn.
    case begin
    /// To take a name from the catalog.
    case name
    /// To put a stream into a listing.
    case row
    /// To announce a stream to a subscription.
    case stream
    /// To collect the facts of STAT.
    case status
    /// To deliver bytes of batches.
    case delivery(byteCount: Int)

    var stepCount: Int {
      switch self {
      case .begin, .row: 64
      case .name: 16
      case .stream: 1_024
      case .status: 8_192
      case .delivery(let byteCount): 64 + byteCount / 16
      }
    }
  }

  /// Steps of one turn. Work that has begun is finished, so a turn may take a little more.
  package static let stepCountMax = 16_384

  private(set) var stepCount = 0

  /// - Parameter stepCount: how much of it has been used.
  package init(stepCount: Int = 0) { self.stepCount = stepCount }

  package var isOver: Bool { stepCount >= Self.stepCountMax }

  /// Comparisons of a name with patterns count for the steps that they took.
  mutating func spend(_ steps: Int) { stepCount += steps }

  mutating func spend(_ work: Work) { stepCount += work.stepCount }
}
