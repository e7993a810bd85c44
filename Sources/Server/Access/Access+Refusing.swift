internal import Glibc
internal import LogsWire

extension AccessControl.Access {
  /// Why the client may not do that with a stream, whether the stream exists or not; nil if it may.
  func refusal(_ action: Rights.Action, _ stream: StreamName) -> Refusal? {
    guard !rights.allows(action, stream) else { return nil }
    let isOwnStream = action == .read && stream.text.hasPrefix("$")
    let other = isOwnStream ? ", or the server's Unix socket (--listen-unix) as \(Self.owners)" : ""
    return Refusal(
      .forbidden,
      "\(name) has no right to \(action.phrase) '\(stream)'; it needs one like \(action.rawValue):\(stream)\(other)")
  }

  /// Why the client may not delete; nil if it may.
  func refusal(toDelete stream: StreamName) -> Refusal? {
    guard !stream.text.hasPrefix("$") else {
      return Refusal(.forbidden, "the server's own stream '\(stream)' cannot be deleted")
    }
    guard let refusal = refusal(.delete, stream) else { return nil }
    // Without a token everybody may append and read, but not delete.
    guard hash == nil else { return refusal }
    return Refusal(
      .forbidden,
      """
      not allowed to delete: use a token with delete:\(stream), or connect over the server's Unix socket \
      (--listen-unix) as \(Self.owners)
      """)
  }

  /// Who may do everything there.
  private static var owners: String {
    let user = geteuid()
    return user == 0 ? "root (user 0)" : "user \(user) or root"
  }
}
