/// Which token one connection has shown, and when it shows another one. A value without clock.
///
/// From CHALLENGE until AUTHORIZED it wants another token: it asks for one, shows it unless it is the one that it has
/// shown last, and asks again a while later.
struct TokenRenewal {
  enum Step: Hashable {
    case nothing
    /// Send AUTH, and call `sent`.
    case show(String)
    /// Ask again after a while.
    case wait
  }

  private var shown: String
  private var isWanted = false
  private var isAsking = false
  /// The AUTH without an answer.
  private var id: UInt32?

  /// - Parameter token: the one in HELLO.
  init(_ token: String) { shown = token }

  /// The server wants another token.
  mutating func challenged() { isWanted = true }

  /// Whether to ask for a token now; then `offered` follows.
  mutating func ask() -> Bool {
    guard isWanted, !isAsking, id == nil else { return false }
    isAsking = true
    return true
  }

  /// - Parameters:
  ///   - token: nil if there was none to be had.
  ///   - canShow: whether the connection takes one now.
  mutating func offered(_ token: String?, canShow: Bool) -> Step {
    isAsking = false
    guard isWanted else { return .nothing }
    guard let token, token != shown, canShow else { return .wait }
    return .show(token)
  }

  mutating func sent(_ token: String, id: UInt32) {
    shown = token
    self.id = id
  }

  /// The server has answered: that it counts, or that the one before goes on to count.
  ///
  /// - Returns: nil if the id is not that of an AUTH.
  mutating func answered(_ id: UInt32, isAccepted: Bool) -> Step? {
    guard self.id == id else { return nil }
    self.id = nil
    if isAccepted { isWanted = false }
    return isAccepted ? .nothing : .wait
  }
}
