internal import LogsWire

extension AccessControl.Access {
  /// Why the client may not do that with a stream, whether the stream exists or not; nil if it may.
  func refusal(_ action: Rights.Action, _ stream: StreamName) -> Refusal? {
    guard !rights.allows(action, stream) else { return nil }
    return Refusal(
      .forbidden,
      "\(name) has no right to \(action.phrase) '\(stream)'; it needs one like \(action.rawValue):\(stream)")
  }
}
