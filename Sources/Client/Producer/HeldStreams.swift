internal import LogsWire

/// The streams of a producer that wait until the server no longer refuses them (`waitsForPermission`).
struct HeldStreams {
  private var streams: Set<StreamName> = []
  /// Those that were reported, until something of them is accepted.
  private var reported: Set<StreamName> = []
  /// Batches of theirs that the client has.
  private var ids: Set<Int64> = []
  /// Streams that the server has accepted something of since it last refused any: a right may be gone for all of them.
  private var permitted: Set<StreamName> = []

  func contains(_ stream: StreamName) -> Bool { streams.contains(stream) }

  /// Whether only the first batch of a stream is to be handed over: little is in memory then if it is refused.
  func isProbe(_ stream: StreamName) -> Bool { !permitted.contains(stream) }

  /// - Parameter window: what the client has of the stream.
  /// - Returns: the bytes that are to count for other streams no longer.
  mutating func hold(
    _ stream: StreamName, _ window: SendWindow?, _ error: LogError, telling: (@Sendable (ProducerEvent) -> Void)?
  ) -> Int {
    var byteCount = 0
    for batch in (window?.handed ?? [:]).values where ids.insert(batch.id).inserted { byteCount += batch.byteCount }
    if streams.insert(stream).inserted { permitted = [] }
    if reported.insert(stream).inserted { telling?(.heldBack(stream: stream, error: error)) }
    return byteCount
  }

  /// A batch has its answer.
  ///
  /// - Returns: whether its bytes count no longer.
  mutating func answered(_ id: Int64) -> Bool { ids.remove(id) != nil }

  /// Something of the stream was accepted.
  mutating func permit(_ stream: StreamName, telling: (@Sendable (ProducerEvent) -> Void)?) {
    permitted.insert(stream)
    streams.remove(stream)
    if reported.remove(stream) != nil { telling?(.released(stream: stream)) }
  }

  /// It is refused for good, which is reported.
  mutating func end(_ stream: StreamName) {
    streams.remove(stream)
    reported.remove(stream)
  }

  /// Its batches have failed; they are handed over again.
  mutating func forget(_ stream: StreamName) { streams.remove(stream) }
}
