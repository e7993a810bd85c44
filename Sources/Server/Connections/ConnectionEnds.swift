internal import LogsStore
internal import LogsText
internal import LogsWire
internal import Synchronization

/// The lines of the server's log about connections that ended badly: the first of a kind and address in full, later
/// ones as a count, at most once a minute.
final class ConnectionEnds: Sendable {
  enum Kind: Hashable, CustomStringConvertible {
    case refused(RefusalCode)
    case endedByClient
    /// It left answers unread.
    case unread
    /// It accepted no output.
    case stalled
    /// TLS could not be established, or broke.
    case tls
    /// It goes on, but a request of it had a wrong token.
    case wrongToken

    var description: String {
      switch self {
      case .refused(let code): "\(code)"
      case .endedByClient: "ended by the client"
      case .unread: "answers left unread"
      case .stalled: "no output taken"
      case .tls: "TLS failed"
      case .wrongToken: "wrong token"
      }
    }

    /// Somebody guesses, uses what was revoked, or is turned away: an operator can do something about it. The rest is a
    /// matter of the clients.
    fileprivate var level: LogLine.Level {
      switch self {
      case .wrongToken, .tls, .refused(.unauthorized), .refused(.tooManyConnections): .warn
      case .refused, .endedByClient, .unread, .stalled: .info
      }
    }

    /// What ends.
    var noun: String { self == .wrongToken ? "request" : "connection" }
  }

  private struct Case: Hashable {
    let kind: Kind
    let address: String
  }

  private struct State {
    /// How many came since the last line about them.
    var counts: [Case: Int] = [:]
    var summaryDue: MonotonicTime?
  }

  /// How many kinds and addresses are kept apart; the rest of a kind are counted together.
  static let caseCountMax = 64
  static let interval = Duration.seconds(60)

  private let state = Mutex(State())
  /// Connections that ended, for the metrics.
  let totals = ReasonCounts()
  private let log: @Sendable (LogLine) -> Void

  init(log: @escaping @Sendable (LogLine) -> Void) { self.log = log }

  /// A connection ends.
  ///
  /// - Parameters:
  ///   - peer: its other side, with a port or process that the next one will not have.
  ///   - address: without that; nil for the peer's. Behind a proxy it is another one.
  ///   - line: what to log if it is the first; where it came from is put behind it unless it says so.
  func note(_ kind: Kind, peer: String, address: String? = nil, _ line: String, now: MonotonicTime) {
    if kind != .wrongToken { totals.add(1, "\(kind)") }
    let isFirst = state.withLock { state in
      var found = Case(kind: kind, address: address ?? Self.address(of: peer))
      if state.counts[found] == nil, state.counts.count >= Self.caseCountMax {
        found = Case(kind: kind, address: Self.others)
      }
      defer { if state.summaryDue == nil { state.summaryDue = now + Self.interval } }
      guard let count = state.counts[found] else {
        state.counts[found] = 0
        return true
      }
      state.counts[found] = count + 1
      return false
    }
    if isFirst { log(LogLine(kind.level, line.contains(peer) ? line : "\(line) (\(address ?? peer))")) }
  }

  /// Logs the counts of the last minute, if it is over. A case that did not occur in it is logged as a first one again.
  func tick(now: MonotonicTime) {
    let isDue = state.withLock { state in state.summaryDue.map { now >= $0 } ?? false }
    if isDue { summarize(now: now) }
  }

  /// Logs the counts since the last time.
  func summarize(now: MonotonicTime) {
    let counts = state.withLock { state in
      let counts = state.counts.filter { $0.value > 0 }
      state.counts = counts.mapValues { _ in 0 }
      state.summaryDue = counts.isEmpty ? nil : now + Self.interval
      return counts
    }
    let lines = counts.map { found, count in
      let text = """
        \(Figures.count(count, "more \(found.kind.noun)", "more \(found.kind.noun)s")) from \(found.address) ended \
        like the one before: \(found.kind)
        """
      return LogLine(found.kind.level, text)
    }
    for line in lines.sorted(by: { $0.text < $1.text }) { log(line) }
  }

  private static let others = "other addresses"

  /// The part of `127.0.0.1:5647` before the port, or of `unix socket of user 1000, process 12` before the process.
  static func address(of peer: String) -> String {
    String(peer[..<(peer.lastIndex { $0 == ":" || $0 == "," } ?? peer.endIndex)])
  }
}
