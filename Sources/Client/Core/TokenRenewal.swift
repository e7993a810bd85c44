/// Which token one connection has shown, and when it shows another one. A value without clock.
///
/// From CHALLENGE until AUTHORIZED it wants another token: it asks for one, shows it unless it is the one that counts
/// now, and asks again a while later. One that was refused is shown again after some time: the server may not have
/// known it yet.
struct TokenRenewal {
  enum Step: Hashable {
    case nothing
    /// Send AUTH, and call `sent`.
    case show(String)
    /// Ask again after a while.
    case wait
  }

  private var shown: String
  private var refused: String?
  /// How often the one that was refused is still left out.
  private var pauseCount = 0
  private var isWanted = false
  private var isAsking = false
  /// The AUTH without an answer, and its token.
  private var pending: (id: UInt32, token: String)?

  /// About half a heartbeat.
  private static let pauseCountMax = 2

  /// - Parameter token: the one in HELLO.
  init(_ token: String) { shown = token }

  /// The server wants another token.
  ///
  /// - Returns: whether that is news.
  mutating func challenged() -> Bool {
    defer { isWanted = true }
    return !isWanted
  }

  /// Whether to ask for a token now; then `offered` follows.
  mutating func ask() -> Bool {
    guard isWanted, !isAsking, pending == nil else { return false }
    isAsking = true
    return true
  }

  /// - Parameters:
  ///   - token: nil if there was none to be had.
  ///   - canShow: whether the connection takes one now.
  mutating func offered(_ token: String?, canShow: Bool) -> Step {
    isAsking = false
    guard isWanted else { return .nothing }
    guard let token, !token.isEmpty, token != shown, canShow else { return .wait }
    if token == refused, pauseCount > 0 {
      pauseCount -= 1
      return .wait
    }
    return .show(token)
  }

  mutating func sent(_ token: String, id: UInt32) { pending = (id, token) }

  /// The server has answered: that it counts, or that the one before goes on to count.
  ///
  /// - Returns: nil if the id is not that of an AUTH.
  mutating func answered(_ id: UInt32, isAccepted: Bool) -> Step? {
    guard let pending, pending.id == id else { return nil }
    self.pending = nil
    guard isAccepted else {
      (refused, pauseCount) = (pending.token, Self.pauseCountMax)
      return .wait
    }
    (shown, refused, isWanted) = (pending.token, nil, false)
    return .nothing
  }
}
