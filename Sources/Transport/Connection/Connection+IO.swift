internal import CEvent
internal import LogsSystem
internal import LogsWire

extension Connection {
  /// How much input is still delivered after output has failed: it may say why the peer closed.
  private static let lastWordsByteCountMax = 1 << 20

  // MARK: Reading

  func startReading() {
    guard let descriptor = channel?.descriptor, !isReadingPaused, !hasInputEnded else { return }
    if case .open = phase, handler == nil { return }
    if readEvent == nil {
      // The loop keeps an open connection alive as its member; `finish` frees the event first.
      let context = unsafe Unmanaged.passUnretained(self).toOpaque()
      readEvent = unsafe loop.makeEvent(descriptor, EV_READ | EV_PERSIST, context: context) { _, _, context in
        guard let context = unsafe context else { return }
        _ = unsafe Unmanaged<Connection>.fromOpaque(context).takeUnretainedValue().readOnce()
      }
    }
    guard let isAdded = readEvent?.add(), isAdded else { return finish(.failed(failure(.last))) }
    if channel?.hasInput == true { readEvent?.fire() }
  }

  /// Reads once and delivers the bytes. Returns how many there were; 0 if there are none now.
  private func readOnce() -> Int {
    guard let input = channel?.read(into: &loop.readBuffer, atMost: readByteCountMax) else { return 0 }
    switch input {
    case .bytes(let count):
      traffic.bytesReceived += UInt64(count)
      traffic.lastReceived = loop.now
      if count >= readByteCountMax, channel?.hasInput == true { readEvent?.fire() }
      inputCame()
      switch phase {
      case .open:
        // The loop's buffer is reused only after this call.
        unsafe deliver(RawSpan(_unsafeBytes: loop.readBuffer.bytes(count)))
      case .lingering(let linger): discarded(count, linger)
      case .closed: break
      }
      return count
    case .nothing: inputCame()
    case .waitsForOutput:
      isReadWaitingForOutput = true
      if let descriptor = channel?.descriptor, !isWaitingToWrite { waitToWrite(descriptor) }
    case .end: endInput()
    case .failed(let error): finish(.failed(failure(error)))
    case .broken(let why): finish(.failed(failure(why)))
    }
    return 0
  }

  /// The peer has sent something: output may have waited for that.
  private func inputCame() {
    guard isWriteWaitingForInput else { return }
    isWriteWaitingForInput = false
    markDirty()
  }

  func endInput() {
    guard !hasInputEnded else { return }
    hasInputEnded = true
    readEvent = nil
    switch phase {
    case .open: handler?.inputEnded(on: self)
    case .lingering(let linger): if output.isEmpty, linger.hasShutDown { finish(.closedHere) }
    case .closed: break
    }
  }

  // MARK: Writing

  /// Writes as much as the socket takes, at the end of a turn or when it has room again.
  func flush() {
    isDirty = false
    guard !isWaitingToWrite, !isWriteWaitingForInput, let descriptor = channel?.descriptor else { return }
    if !output.isEmpty, let written = channel?.write(&output, through: &loop.recordBuffer) {
      switch written {
      case .took(let count):
        traffic.bytesSent += UInt64(count)
        traffic.lastProgress = loop.now
      case .wouldBlock: break
      case .waitsForInput:
        isWriteWaitingForInput = true
        return
      case .failed(let error): return outputFailed(failure(error))
      // It says why already: a read would find less.
      case .broken(let why): return finish(.failed(failure(why)))
      }
    }
    if !output.isEmpty { waitToWrite(descriptor) }
    if isAboveHighWatermark, output.count <= low {
      traffic.isAboveHighWatermark = false
      handler?.drained(self)
    }
    if output.isEmpty, case .lingering(let linger) = phase { outputEnded(linger) }
  }

  private func waitToWrite(_ descriptor: Int32) {
    if writeEvent == nil {
      // As for the read event.
      let context = unsafe Unmanaged.passUnretained(self).toOpaque()
      writeEvent = unsafe loop.makeEvent(descriptor, EV_WRITE, context: context) { _, _, context in
        guard let context = unsafe context else { return }
        let connection = unsafe Unmanaged<Connection>.fromOpaque(context).takeUnretainedValue()
        connection.isWaitingToWrite = false
        if connection.isReadWaitingForOutput {
          connection.isReadWaitingForOutput = false
          _ = connection.readOnce()
        }
        connection.flush()
      }
    }
    guard let isAdded = writeEvent?.add(), isAdded else { return finish(.failed(failure(.last))) }
    isWaitingToWrite = true
  }

  /// The peer takes nothing any more. What it sent before is still delivered, within bounds, before the connection
  /// closes.
  private func outputFailed(_ error: TransportError) {
    var byteCount = 0
    while byteCount < Self.lastWordsByteCountMax, !isReadingPaused, !hasInputEnded, isOpen, handler != nil {
      let count = readOnce()
      guard count > 0 else { break }
      byteCount += count
    }
    finish(.failed(error))
  }

  private func failure(_ error: SystemError) -> TransportError {
    TransportError("the connection to \(peer) broke", cause: error)
  }

  private func failure(_ failure: TLSFailure) -> TransportError {
    TransportError(.tls, "TLS with \(peer) failed: \(failure.text)")
  }
}
