internal import LogsWire

/// The last phase of a connection that is closed cleanly.
struct Linger {
  let timer: LoopTimer
  /// How many more bytes of input may be discarded.
  var discardByteCount: Int
  var hasShutDown = false
}

extension Connection {
  /// How long a clean close may take.
  package static let lingerDuration = Duration.seconds(5)
  /// How much input is discarded meanwhile.
  package static let lingerByteCountMax = 16 << 20

  /// Closes at once. Queued output is lost, and if there is unread input, so is output that is on its way to the peer.
  package func close() {
    loop.requireOnLoop()
    finish(.closedHere)
  }

  /// Closes cleanly: sends what is queued, ends the sending side, and reads and discards what the peer still sends
  /// until it closes too, but no longer than `duration` and no more than `byteCountMax` bytes.
  ///
  /// A plain close with unread input makes TCP reset the connection, and the peer loses the answer that was queued
  /// last.
  package func closeLingering(
    for duration: Duration = lingerDuration, discarding byteCountMax: Int = lingerByteCountMax
  ) {
    loop.requireOnLoop()
    guard case .open = phase else { return }
    if let webSocket { output.append(ByteString(webSocket.ending)) }
    // The timer is cancelled when the connection finishes, and then releases it.
    let timer = loop.schedule(after: duration) { self.finish(.closedHere) }
    phase = .lingering(Linger(timer: timer, discardByteCount: byteCountMax))
    traffic.isAboveHighWatermark = false
    isReadingPaused = false
    startReading()
    markDirty()
  }

  /// All output has been written by a connection that is closing cleanly.
  func outputEnded(_ linger: Linger) {
    guard !linger.hasShutDown else { return }
    if hasInputEnded { return finish(.closedByPeer) }
    guard let hasEnded = channel?.endOutput() else { return }
    guard hasEnded else { return finish(.closedHere) }
    var next = linger
    next.hasShutDown = true
    phase = .lingering(next)
  }

  /// Input has arrived that nobody wants any more.
  func discarded(_ byteCount: Int, _ linger: Linger) {
    var next = linger
    next.discardByteCount -= byteCount
    guard next.discardByteCount > 0 else { return finish(.closedHere) }
    phase = .lingering(next)
  }
}
