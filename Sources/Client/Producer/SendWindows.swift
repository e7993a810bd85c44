internal import LogsSystem
internal import LogsWire

/// The windows of all streams of a producer: what the client has of them, what it gets next, and what is answered and
/// still in the backlog.
///
/// A value without I/O or clock, so that simulations hand over as producers do.
struct SendWindows {
  private let handedByteCountMax: Int
  private let waitsForPermission: Bool
  private let onEvent: (@Sendable (ProducerEvent) -> Void)?

  private(set) var windows: [StreamName: SendWindow] = [:]
  /// Streams that may have something to hand over, in the order of their turns.
  private var streamsToServe = UniqueQueue<StreamName>()
  /// Bytes that were handed to the client and have no answer yet.
  private var handedByteCount = 0
  /// What is handed over of them is not in `handedByteCount`, so that other streams go on.
  private var held = HeldStreams()
  /// Answered batches that are still in the backlog. A window that begins anew skips them: otherwise they would be
  /// answered and counted twice.
  private(set) var answered: Set<Int64> = []
  /// Their streams: removing them may let others into a window.
  private var answeredStreams: Set<StreamName> = []

  init(
    handedByteCountMax: Int, waitsForPermission: Bool, onEvent: (@Sendable (ProducerEvent) -> Void)?
  ) {
    self.handedByteCountMax = handedByteCountMax
    self.waitsForPermission = waitsForPermission
    self.onEvent = onEvent
  }

  /// Whether the client has enough.
  var isBusy: Bool { handedByteCount >= handedByteCountMax }

  /// Whether a stream waits until the server no longer refuses it.
  func isHeld(_ stream: StreamName) -> Bool { held.contains(stream) }

  // MARK: To the client

  /// There may be something to hand over.
  mutating func serve(_ streams: some Sequence<StreamName>) { streamsToServe.append(streams) }

  /// The stream whose turn it is, unless the client has enough.
  mutating func nextStream() -> StreamName? { isBusy ? nil : streamsToServe.popFirst() }

  /// What the client gets of a stream.
  ///
  /// - Parameters:
  ///   - window: the batches of the backlog's window after this id.
  ///   - handed: makes the answer of a batch that is handed over.
  mutating func hand<Failure>(
    _ stream: StreamName, window read: (_ after: Int64) throws(Failure) -> [BacklogBatch],
    handed: (BacklogBatch) -> HandedBatch
  ) throws(Failure) -> [NumberedBatch] {
    var window = windows[stream] ?? SendWindow()
    guard !window.hasFailed, !held.contains(stream) else { return [] }
    let isProbe = waitsForPermission && held.isProbe(stream)
    if isProbe, window.handedCount > 0 { return [] }
    var batches: [NumberedBatch] = []
    for batch in try read(window.idLast) where !answered.contains(batch.id) {
      if isProbe, !batches.isEmpty { break }
      let answer = handed(batch)
      window.hand(answer)
      handedByteCount += answer.byteCount
      batches.append(
        NumberedBatch(key: batch.key, number: batch.number, content: batch.content, answer: answer, cost: 0))
    }
    windows[stream] = window.handed.isEmpty ? nil : window
    return batches
  }

  // MARK: Answers

  /// - Parameter isOwn: whether this process has stored the batch in the backlog.
  /// - Returns: the outcome for the producer.
  mutating func take(_ answer: BatchAnswer, isOwn: Bool) -> BatchAnswer.Outcome {
    let (id, stream) = (answer.batch.id, answer.batch.stream)
    if case .heldBack(let error) = answer.outcome {
      // The client keeps the stream's window and sends it again now and then.
      handedByteCount -= held.hold(stream, windows[stream], error, telling: onEvent)
      return answer.outcome
    }
    streamsToServe.append(stream)
    if !held.answered(id) { handedByteCount -= answer.batch.byteCount }
    switch answer.outcome {
    case .heldBack: break
    case .failed:
      held.forget(stream)
      windows[stream]?.failed(id)
    case .refused(let error) where error.code == .refused(.outOfOrder) && !isOwn:
      // An earlier process had its answer, and did not come to note it.
      accepted(id, of: stream)
      return .acknowledged
    case .refused:
      held.end(stream)
      settle(id, of: stream)
    case .acknowledged: accepted(id, of: stream)
    }
    return answer.outcome
  }

  private mutating func accepted(_ id: Int64, of stream: StreamName) {
    if waitsForPermission { held.permit(stream, telling: onEvent) }
    settle(id, of: stream)
  }

  private mutating func settle(_ id: Int64, of stream: StreamName) {
    windows[stream]?.answered(id)
    answered.insert(id)
    answeredStreams.insert(stream)
  }

  /// An answered batch was removed from the backlog; others follow.
  mutating func removed(_ id: Int64) {
    answered.remove(id)
    streamsToServe.append(answeredStreams.sorted())
  }

  /// All answered batches were removed from the backlog.
  mutating func removedAnswered() {
    answered = []
    streamsToServe.append(answeredStreams.sorted())
    answeredStreams = []
  }

  // MARK: Failures

  /// Whether a stream waits for `beginAgain`.
  var isAnyStuck: Bool { windows.values.contains(where: \.isStuck) }

  /// What has failed is handed over again.
  mutating func beginAgain(_ streams: [StreamName]) {
    windows = windows.filter { !$0.value.isStuck }
    streamsToServe.append(streams)
  }

  /// Fails those who wait for batches that the client has. The batches are kept.
  func failWaiters(_ error: LogError) {
    for stream in windows.keys.sorted() {
      let handed = windows[stream]?.handed ?? [:]
      for id in handed.keys.sorted() { handed[id]?.failWaiters(error) }
    }
  }

  /// The keys of what the client has.
  var handedKeys: Set<AppendQueue.Key> { Set(windows.values.flatMap { $0.handed.values.map(\.key) }) }
}
