internal import Synchronization

/// One segment file and where it is in its life, which only moves forward.
final class Segment: Sendable, Hashable {
  enum State: Hashable, Sendable {
    /// The newest: the writer appends to it (WAL).
    case active
    /// Complete, still in WAL mode; read like an active one.
    case closing
    /// Never changes again: read without locks.
    case sealed
    /// What it holds cannot be read.
    case damaged
    /// Retention has removed it, or is about to.
    case trimmed
    /// A rewrite has put another file in its place, which is another segment of the same number.
    case replaced
  }

  /// A segment's file, among those that have had its number.
  struct Version: Hashable, Sendable {
    let number: Int64
    /// How often it has been rewritten since the start.
    let revision: Int
  }

  let version: Version
  var number: Int64 { version.number }
  let path: String
  private let status: Mutex<Status>

  private struct Status {
    var state: State
    var byteCount: Int
    var isDamageNoted = false
    var failedReadCount = 0
    var createdAt: Int64?
    var isSealing = false
  }

  /// After this many failed reads, what a failing disk cannot read counts as gone.
  private static let failedReadCountMax = 8

  init(number: Int64, revision: Int = 0, path: String, state: State, byteCount: Int = 0) {
    version = Version(number: number, revision: revision)
    self.path = path
    status = Mutex(Status(state: state, byteCount: byteCount))
  }

  var state: State {
    get { status.withLock { $0.state } }
    set { status.withLock { if !$0.state.isGone { $0.state = newValue } } }
  }

  /// Whether what it holds has to be looked for elsewhere, if anywhere.
  var isGone: Bool { state.isGone }

  /// When it became the active segment; nil until that has been read.
  var createdAt: Int64? {
    get { status.withLock { $0.createdAt } }
    set { status.withLock { $0.createdAt = newValue } }
  }

  /// Whether its writer is still open, for sealing, which then also removes what is trimmed.
  var isSealing: Bool {
    get { status.withLock { $0.isSealing } }
    set { status.withLock { $0.isSealing = newValue } }
  }

  /// Marks it as sealed, unless it was found damaged meanwhile.
  func finishSealing() {
    status.withLock { status in
      if status.state == .closing { status.state = .sealed }
    }
  }

  /// Notes damage. Returns whether it is the first in this segment: it is logged once.
  func noteDamage() -> Bool {
    status.withLock { status in
      defer { status.isDamageNoted = true }
      return !status.isDamageNoted
    }
  }

  /// Counts a failed read, and returns whether there were too many to expect the next one to succeed.
  func hasTooManyFailedReads() -> Bool {
    status.withLock { status in
      status.failedReadCount += 1
      return status.failedReadCount > Self.failedReadCountMax
    }
  }

  var isDamageNoted: Bool { status.withLock { $0.isDamageNoted } }

  /// The size of the file when it was last looked at.
  var byteCount: Int {
    get { status.withLock { $0.byteCount } }
    set { status.withLock { $0.byteCount = newValue } }
  }

  /// The segment that a rewrite has put in its place.
  func rewritten(byteCount: Int) -> Segment {
    let segment = Segment(
      number: number, revision: version.revision + 1, path: path, state: .sealed, byteCount: byteCount)
    segment.createdAt = createdAt
    return segment
  }

  static func == (left: Segment, right: Segment) -> Bool { left === right }
  func hash(into hasher: inout Hasher) { hasher.combine(number) }
}

extension Segment.State {
  fileprivate var isGone: Bool { self == .trimmed || self == .replaced }
}
