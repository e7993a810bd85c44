internal import Glibc
internal import LogsStore
internal import LogsSystem
internal import LogsTransport
internal import LogsWire
internal import Synchronization

/// Decides what clients may do: by their tokens, by the users of Unix sockets, and by client certificates.
///
/// The first that applies counts:
///
/// | the client | may |
/// |---|---|
/// | shows a token | what the token allows; if it is wrong or expired, nothing |
/// | is the server's user or root, over a Unix socket | everything |
/// | is another user there, and `unix-allow` names it | what that says |
/// | has a certificate of `tls-client-ca` | what `cert-allow` says; append and read everything if that is not set |
/// | none of these, and the server has no tokens | append and read everything |
/// | none of these | nothing |
final class AccessControl: Sendable {
  /// What a client shows.
  struct Claim {
    let token: String
    /// Without its port.
    let address: String
    var process: PeerProcess?
    /// The common name of the certificate; nil if there is none.
    var certificate: String?
  }

  /// What it may do, and for how long.
  struct Access: Sendable {
    /// For refusals and limits: `token 'ci'`, `user 1000`.
    let name: String
    /// That came with it over a Unix socket.
    var process: Int32?
    let rights: Rights
    /// Of the token; nil if it needed none.
    var hash: TokenHash?
    var expires: Int64?
    /// When that was looked at last: which reading of the tokens.
    var generation = 0
    /// The session that it came with; nil if it showed something else.
    var session: TokenHash?
    /// Whether it was let in because there were no tokens.
    var isOpen = false

    /// For audits.
    var author: String { process.map { "\(name), process \($0)" } ?? name }

    static let none = Access(name: "nobody", rights: .none)
  }

  enum Verdict {
    case accepted(Access)
    /// To be told after the delay: guessing has to be slow.
    case refused(Refusal, after: Duration)
  }

  private struct State {
    /// nil if there is no file.
    var tokens: [Token]?
    var unixAllow: NamedRights
    var certificateAllow: NamedRights
    var stamp: TokenFile.Stamp?
    var failures: [String: Failure] = [:]
  }

  /// Wrong tokens from one address.
  private struct Failure {
    var count: Int
    var last: MonotonicTime
  }

  let tickets = PassTable.tickets()
  let sessions = PassTable.sessions()
  private let file: TokenFile
  private let state: Mutex<State>
  private let log: @Sendable (LogLine) -> Void
  private let wallTime: @Sendable () -> Int64
  /// Grows when tokens were read again.
  private let generationCount = Atomic<Int>(0)

  /// The first wrong token waits this long, each one after it twice as long as the one before.
  static let delayMin = Duration.milliseconds(100)
  static let delayMax = Duration.seconds(5)
  /// How long an address is remembered after its last wrong token.
  static let memoryDuration = Duration.seconds(300)
  /// How many addresses are remembered. Those beyond wait the longest time.
  static let addressCountMax = 4_096

  /// - Throws: why the tokens cannot be read. Nobody is let in without them.
  init(
    directory: String, unixAllow: NamedRights, certificateAllow: NamedRights,
    log: @escaping @Sendable (LogLine) -> Void,
    wallTime: @escaping @Sendable () -> Int64 = { SystemClock.wall() }
  ) throws(SettingError) {
    file = TokenFile(directory: directory)
    self.log = log
    self.wallTime = wallTime
    // Before the content: a change in between is seen by the next look.
    let stamp = file.stamp
    state = Mutex(
      State(tokens: try file.read(), unixAllow: unixAllow, certificateAllow: certificateAllow, stamp: stamp))
  }

  /// Whether there are tokens, valid or not.
  var checksTokens: Bool { state.withLock { $0.tokens != nil } }

  /// Other rights count for clients that come from now on.
  func set(unixAllow: NamedRights, certificateAllow: NamedRights) {
    state.withLock { ($0.unixAllow, $0.certificateAllow) = (unixAllow, certificateAllow) }
  }

  /// Reads the tokens again if the file has changed. A file that cannot be read changes nothing.
  ///
  /// - Returns: what was logged; nil if the file is the same.
  @discardableResult func refresh() -> LogLine? {
    let stamp = file.stamp
    guard state.withLock({ $0.stamp != stamp }) else { return nil }
    let line: LogLine
    do throws(SettingError) {
      let tokens = try file.read()
      state.withLock { state in
        // Without the file the server would be open to everybody: somebody removed it by mistake.
        state.tokens = tokens ?? state.tokens.map { _ in [] }
        state.stamp = stamp
      }
      generationCount.add(1, ordering: .releasing)
      line =
        tokens.map { .notice("tokens were read again: \(Figures.count($0.count, "token", "tokens"))") }
        ?? .error(Self.gone(file.path))
    } catch {
      state.withLock { $0.stamp = stamp }
      line = .error("the tokens in use stay: \(error)")
    }
    log(line)
    return line
  }

  private static func gone(_ path: String) -> String {
    "\(path) is gone: no token is valid until there is one again; restart the server if it is to need none"
  }

  func decide(_ claim: Claim, now: MonotonicTime) -> Verdict {
    if !claim.token.isEmpty, let verdict = decide(token: claim, now: now) { return verdict }
    let user = claim.process.map { "user \($0.user)" }
    let (unixAllow, certificateAllow) = state.withLock { ($0.unixAllow, $0.certificateAllow) }
    if let process = claim.process, let user {
      let isOwn = process.user == geteuid() || process.user == 0
      if let rights = isOwn ? .all : unixAllow.rights[String(process.user)] {
        return .accepted(Access(name: user, process: process.number, rights: rights))
      }
    }
    if let certificate = claim.certificate {
      let rights = certificateAllow.rights.isEmpty ? .open : certificateAllow.rights[certificate]
      if let rights { return .accepted(Access(name: "certificate '\(certificate)'", rights: rights)) }
    }
    let generation = generationCount.load(ordering: .acquiring)
    guard checksTokens else {
      let name = user ?? "a client at \(claim.address)"
      return .accepted(
        Access(
          name: name, process: claim.process?.number, rights: .open, generation: generation, isOpen: true))
    }
    return .refused(Self.wanted(isRetryable: false, user: user), after: .zero)
  }

  private func knows(_ hash: TokenHash) -> Bool {
    state.withLock { state in state.tokens.map { Self.find(hash, $0) != nil } ?? true }
  }

  private static func find(_ hash: TokenHash, _ tokens: [Token]) -> Token? {
    var found: Token?
    // All are compared, whether or not one before was the same.
    for token in tokens where token.hash.isSame(as: hash) { found = token }
    return found
  }

  /// - Returns: nil if the server has no tokens: then the one that was shown does not matter.
  private func decide(token claim: Claim, now: MonotonicTime) -> Verdict? {
    let hash = TokenHash(of: claim.token)
    // A token may be newer than the last look at the file: nobody should be turned away with the right one.
    if !knows(hash) { refresh() }
    let wall = wallTime()
    let generation = generationCount.load(ordering: .acquiring)
    return state.withLock { state in
      guard let tokens = state.tokens else { return nil }
      let found = Self.find(hash, tokens)
      if let found, !found.isExpired(wall) {
        return .accepted(
          Access(
            name: "token '\(found.name)'", rights: found.rights, hash: found.hash, expires: found.expires,
            generation: generation))
      }
      let delay = Self.noteFailure(claim.address, &state.failures, now)
      if let found { return .refused(Self.expired(found.name), after: delay) }
      let what = TokenSecret.isWellFormed(claim.token) ? "the token is not one of this server's" : "this is no token"
      return .refused(
        Refusal(.unauthorized, "\(what), or it was revoked; ask for a new one, or leave it out"), after: delay)
    }
  }

  private static func wanted(isRetryable: Bool, user: String? = nil) -> Refusal {
    let who = user.map { " of \($0), who is not in its --unix-allow" } ?? ""
    return Refusal(
      .unauthorized, "this server wants a token\(who); give one with --token-file or LOGS_TOKEN_FILE",
      isRetryable: isRetryable)
  }

  private static func expired(_ name: String, isRetryable: Bool = false) -> Refusal {
    Refusal(.unauthorized, "the token '\(name)' has expired; ask for a new one", isRetryable: isRetryable)
  }

  /// - Returns: how long the answer waits.
  private static func noteFailure(
    _ address: String, _ failures: inout [String: Failure], _ now: MonotonicTime
  ) -> Duration {
    if failures[address] == nil, failures.count >= addressCountMax {
      failures = failures.filter { now < $0.value.last + memoryDuration }
      if failures.count >= addressCountMax { return delayMax }
    }
    var failure = failures[address] ?? Failure(count: 0, last: now)
    if now >= failure.last + memoryDuration { failure.count = 0 }
    let delay = min(delayMin * (1 << min(failure.count, 10)), delayMax)
    failure.count += 1
    failure.last = now
    failures[address] = failure
    return delay
  }

  /// How long its token is still valid; nil if no end is known.
  func timeLeft(of access: Access) -> Duration? {
    access.expires.map { .nanoseconds(max($0 - wallTime(), 0)) }
  }

  /// Why a client that was let in may do nothing more; nil as long as it may.
  func refusal(of access: inout Access) -> Refusal? {
    if let session = access.session, sessions.find(session, now: .now()) == nil {
      return Refusal(.unauthorized, "the session has ended; log in again")
    }
    guard let hash = access.hash else {
      // The first token was made since it came.
      return access.isOpen && checksTokens ? Self.wanted(isRetryable: true) : nil
    }
    let generation = generationCount.load(ordering: .acquiring)
    if access.generation == generation, access.expires.map({ wallTime() < $0 }) ?? true { return nil }
    let token = state.withLock { $0.tokens?.first { $0.hash == hash } }
    // A client that gets its tokens anew comes back with another one.
    guard let token else {
      return Refusal(.unauthorized, "the \(access.name) was revoked; ask for a new one", isRetryable: true)
    }
    access.expires = token.expires
    guard !token.isExpired(wallTime()) else { return Self.expired(token.name, isRetryable: true) }
    access.generation = generation
    return nil
  }
}
