/// Who wants to know what became of a batch: exactly one of these is called, once.
protocol AppendAnswer: Sendable {
  /// It is durable.
  func acknowledged(_ incarnation: Incarnation, _ range: ClosedRange<UInt64>, isDuplicate: Bool)
  /// The server will not have it, however often it is sent.
  func refused(_ error: LogError)
  /// The client has given it up, for a reason that lies not in the batch.
  func failed(_ error: LogError)
}
