internal import CEvent
internal import Glibc
internal import LogsSystem
package import LogsWire

/// A connected stream socket on a loop. All calls are made on the loop's thread.
///
/// The loop keeps an open connection alive, and the connection its handler. Both are released when it has closed.
///
/// Output is queued, and written at the end of each turn with one system call; what the socket does not take is written
/// as soon as it has room. Input is read once a turn, at most 64 KiB, so that no peer can hold up the others.
package final class Connection: LoopMember {
  /// At how many queued bytes the owner should stop adding output, and at how many it may go on.
  package static let lowWatermark = 256 << 10
  package static let highWatermark = 1 << 20

  package let loop: EventLoop
  /// The other side, for messages: `127.0.0.1:5647`, `unix socket of user 1000, process 12`.
  package let peer: String
  /// The process on the other side, of a Unix socket that was accepted; nil for others.
  package let peerProcess: PeerProcess?
  /// Gets the events. While it is nil, nothing is read.
  package var handler: (any ConnectionHandler)? {
    get { listener }
    set {
      listener = newValue
      handlerChanged()
    }
  }
  private var listener: (any ConnectionHandler)?

  /// What other modules see of a connection. They see it as properties that are computed: for a stored one that they
  /// see, each access is checked at run time.
  struct Traffic {
    var bytesReceived: UInt64 = 0
    var bytesSent: UInt64 = 0
    var lastReceived: MonotonicTime
    var lastProgress: MonotonicTime
    var isAboveHighWatermark = false
    var readByteCountMax = ReadBuffer.byteCount
  }

  var traffic: Traffic

  var phase = Phase.open
  /// nil once the connection has closed.
  var channel: ByteChannel?
  var output: OutputBuffer
  var low = lowWatermark
  var high = highWatermark
  var readEvent: Event?
  var writeEvent: Event?
  var isReadingPaused = false
  var hasInputEnded = false
  /// Whether this connection will be handled at the end of the turn.
  var isDirty = false
  /// Whether the socket is full; then nothing is written until it has room.
  var isWaitingToWrite = false
  // TLS may have to read before it can write, and the reverse.
  var isWriteWaitingForInput = false
  var isReadWaitingForOutput = false
  /// Around what is sent and received; nil if nothing is.
  var webSocket: WebSocketLayer?
  /// Whether a handler may be notified of the close.
  private var isCloseDue = false
  private var memberID: UInt64 = 0

  enum Phase {
    case open
    case lingering(Linger)
    case closed(CloseReason)
  }

  /// A connection on an accepted socket, which it now owns.
  ///
  /// - Parameters:
  ///   - meter: counts the memory that output takes.
  ///   - tls: the server's side of TLS; nil for plain text.
  ///   - userTimeout: how long TCP may fail to deliver output before the connection breaks.
  package convenience init(
    adopting socket: AcceptedSocket, on loop: EventLoop, meter: OutputMeter? = nil, tls: TLSContext? = nil,
    userTimeout: Duration = TCPOptions.userTimeout
  ) {
    self.init(
      descriptor: socket.take(), peer: socket.peer, peerProcess: socket.process, loop: loop, meter: meter,
      tls: tls.map { ($0, nil) }, userTimeout: userTimeout)
  }

  init(
    descriptor: consuming Descriptor, peer: String, peerProcess: PeerProcess? = nil, loop: EventLoop,
    meter: OutputMeter?, tls: (context: TLSContext, server: TLSServerName?)? = nil, userTimeout: Duration
  ) {
    loop.requireOnLoop()
    output = OutputBuffer(meter: meter)
    self.loop = loop
    self.peer = peer
    self.peerProcess = peerProcess
    traffic = Traffic(lastReceived: loop.now, lastProgress: loop.now)
    TCPOptions.set(on: descriptor.number, userTimeout: userTimeout)
    if let tls {
      channel = ByteChannel(descriptor, tls.context, server: tls.server)
    } else {
      channel = ByteChannel(descriptor)
    }
    memberID = loop.join(self)
    if loop.isStopping { finish(.loopStopped) }
  }

  // MARK: Traffic

  package var bytesReceived: UInt64 { traffic.bytesReceived }
  package var bytesSent: UInt64 { traffic.bytesSent }
  /// When bytes last arrived; initially, when the connection was made.
  package var lastReceived: MonotonicTime { traffic.lastReceived }
  /// When the socket last took output, or when output was queued and none waited. If output waits much longer than
  /// this, it is stuck.
  package var lastProgress: MonotonicTime { traffic.lastProgress }
  /// Whether the queue of output has reached the high watermark and not yet fallen to the low one.
  package var isAboveHighWatermark: Bool { traffic.isAboveHighWatermark }

  /// How much is read at once, at most 64 KiB.
  package var readByteCountMax: Int {
    get { traffic.readByteCountMax }
    set { traffic.readByteCountMax = newValue }
  }

  // MARK: Output

  /// Queues `bytes`; large ones are shared, not copied. A connection that closes or has closed drops them.
  package func send(_ bytes: ByteString) {
    guard canSend else { return }
    if webSocket != nil { return send(wrapping: [bytes]) }
    noteQueued(bytes.count, waiting: output.append(bytes))
  }

  /// Queues `head`, which is copied unless it is large, and after it `tail`, which is shared unless it is small.
  package func send(_ head: ByteString, sharing tail: ByteString) {
    guard canSend else { return }
    if webSocket != nil { return send(wrapping: [head, tail]) }
    output.append(head)
    noteQueued(head.count + tail.count, waiting: output.append(tail))
  }

  /// Queues a copy of `head`, and after it `tail`, which is shared unless it is small.
  package func send(copying head: RawSpan, sharing tail: ByteString) {
    guard canSend else { return }
    if webSocket != nil { return send(wrapping: [ByteString(copying: head), tail]) }
    output.append(copying: head)
    noteQueued(head.byteCount + tail.count, waiting: output.append(tail))
  }

  /// Queues a copy of `bytes`.
  package func send(copying bytes: RawSpan) {
    guard canSend else { return }
    if webSocket != nil { return send(wrapping: [ByteString(copying: bytes)]) }
    noteQueued(bytes.byteCount, waiting: output.append(copying: bytes))
  }

  private func send(wrapping parts: [ByteString]) {
    let before = output.count
    for bytes in webSocket?.wrap(parts) ?? [] { output.append(bytes) }
    noteQueued(output.count - before, waiting: output.count)
  }

  /// How many bytes wait to be written.
  package var pendingByteCount: Int { output.count }

  /// How many of all sent bytes were copied into the queue; the others were shared.
  package var copiedByteCount: UInt64 { output.copiedByteCount }

  package func setWatermarks(low: Int, high: Int) {
    precondition(0 <= low && low < high, "the low watermark lies below the high one")
    loop.requireOnLoop()
    self.low = low
    self.high = high
    if output.count >= high { traffic.isAboveHighWatermark = true }
    if output.count <= low { traffic.isAboveHighWatermark = false }
  }

  private var canSend: Bool {
    loop.requireOnLoop()
    if case .open = phase { return true }
    return false
  }

  /// Output was queued: `byteCount` of all bytes that wait now.
  private func noteQueued(_ byteCount: Int, waiting waitingByteCount: Int) {
    if byteCount == waitingByteCount { traffic.lastProgress = loop.now }
    if waitingByteCount >= high { traffic.isAboveHighWatermark = true }
    markDirty()
  }

  func markDirty() {
    guard !isDirty else { return }
    isDirty = true
    loop.flushLater(self)
  }

  // MARK: Input

  /// Leaves further input with the system, so that the peer has to wait. Meanwhile, a close by the peer goes unnoticed.
  package func pauseReading() {
    loop.requireOnLoop()
    isReadingPaused = true
    readEvent?.remove()
  }

  package func resumeReading() {
    loop.requireOnLoop()
    guard isReadingPaused else { return }
    isReadingPaused = false
    startReading()
  }

  /// The common name of the peer's certificate, once bytes have come; nil if it has none.
  package var peerName: String? { channel?.peerName }

  package var isTLS: Bool { channel?.isTLS ?? false }

  /// Whether TLS resumed the session of an earlier connection.
  package var isResumed: Bool { channel?.isResumed ?? false }

  /// Whether the connection still takes output and delivers input.
  package var isOpen: Bool {
    if case .open = phase { true } else { false }
  }

  // MARK: The end

  /// Closes the socket now, and notifies the handler at the end of the turn.
  func finish(_ reason: CloseReason) {
    if case .closed = phase { return }
    if case .lingering(let linger) = phase { linger.timer.cancel() }
    phase = .closed(reason)
    readEvent = nil
    writeEvent = nil
    channel = nil
    output.removeAll()
    traffic.isAboveHighWatermark = false
    // The list of closed connections keeps `self` alive.
    loop.announceLater(self)
    loop.leave(memberID)
  }

  func announceClosed() {
    guard case .closed(let reason) = phase else { preconditionFailure("only what has closed is announced") }
    isCloseDue = true
    guard let handler else { return }
    self.handler = nil
    handler.closed(self, reason: reason)
  }

  private func handlerChanged() {
    loop.requireOnLoop()
    switch phase {
    case .open: if handler == nil { readEvent?.remove() } else { startReading() }
    case .lingering: break
    // A handler that is set after the close is notified as well.
    case .closed: if isCloseDue, handler != nil { loop.announceLater(self) }
    }
  }

  func loopStops() { finish(.loopStopped) }
}
