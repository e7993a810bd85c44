/// Receives the outcome of a batch: exactly one of `acknowledged`, `refused` and `failed` is called, once.
protocol AppendAnswer: AnyObject, Sendable {
  /// Whether it goes on waiting when the server refuses it for a reason that an operator can mend.
  var waitsForPermission: Bool { get }
  /// The server refuses it for such a reason; it is sent again now and then. May be called several times.
  func heldBack(_ error: LogError)
  /// It is durable.
  func acknowledged(_ incarnation: Incarnation, _ range: ClosedRange<UInt64>, isDuplicate: Bool)
  /// The server refuses it, however often it is sent.
  func refused(_ error: LogError)
  /// The client has given it up, for a reason other than the batch itself.
  func failed(_ error: LogError)
}

extension AppendAnswer {
  var waitsForPermission: Bool { false }
  func heldBack(_ error: LogError) {}
}
