/// Receives the outcome of a batch: exactly one of these is called, once.
protocol AppendAnswer: Sendable {
  /// It is durable.
  func acknowledged(_ incarnation: Incarnation, _ range: ClosedRange<UInt64>, isDuplicate: Bool)
  /// The server refuses it, however often it is sent.
  func refused(_ error: LogError)
  /// The client has given it up, for a reason other than the batch itself.
  func failed(_ error: LogError)
}
