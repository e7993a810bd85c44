internal import CEvent
internal import Glibc
internal import LogsSystem
internal import LogsWire

/// Accepts connections. Bound to its loop's thread; accepted sockets may go to any loop.
package final class Listener: LoopMember {
  /// How long nothing is accepted after a failure, which is mostly a lack of descriptors.
  package static let pauseDuration = Duration.milliseconds(100)
  package static let backlog: Int32 = 1024
  package static let recoveryDuration = Duration.seconds(5)
  package static let reminderDuration = Duration.seconds(60)
  /// How many connections are accepted in one turn, so that a flood leaves time for existing ones.
  static let acceptCountMax = 64

  /// A change that is reported to the owner, however often accepting fails.
  package enum Notice: CustomStringConvertible {
    /// Accepting has failed, mostly for lack of descriptors. Connections wait until it works again.
    case failing(TransportError)
    /// It has been failing for another minute.
    case stillFailing(Endpoint, failureCount: Int, for: Duration)
    case recovered(Endpoint, failureCount: Int, after: Duration)

    package var description: String {
      switch self {
      case .failing(let error): error.message
      case .stillFailing(let endpoint, let count, let duration):
        "connections to \(endpoint) still wait: accepting failed \(count) times in \(duration.components.seconds) s"
      case .recovered(let endpoint, let count, let duration):
        "connections to \(endpoint) are accepted again; that failed \(count) times in \(duration.components.seconds) s"
      }
    }
  }

  /// Accepting has been failing for a while.
  private struct Trouble {
    let begun: MonotonicTime
    var last: MonotonicTime
    /// When it was reported last.
    var reported: MonotonicTime
    var failureCount = 1
  }

  /// The actual endpoint: port 0 is replaced by the real number.
  package let endpoint: Endpoint

  private let loop: EventLoop
  private let recoveryDuration: Duration
  private let reminder: Duration
  private var socket: Descriptor?
  private let socketFile: SocketFile?
  private var event: Event?
  private var pause: LoopTimer?
  private var recovery: LoopTimer?
  private var accept: ((AcceptedSocket) -> Void)?
  private var notice: ((Notice) -> Void)?
  private var trouble: Trouble?
  private var memberID: UInt64 = 0

  /// Starts to listen.
  ///
  /// Looks a host name up, blocking, and listens on the first of its addresses that works. The socket file of a server
  /// that died is replaced; one that somebody listens on is not.
  ///
  /// - Parameters:
  ///   - handed: a socket that listens there already; nil to open one.
  ///   - backlog: how many connections may wait to be accepted.
  ///   - recovery: how long accepting must work without failure to count as recovered.
  ///   - reminder: how often it is reported that it still fails.
  ///   - notice: called when accepting begins to fail, goes on failing, and works again.
  ///   - accept: called on the loop with each connection.
  package static func listen(
    on endpoint: Endpoint, handed: HandedSocket? = nil, loop: EventLoop, backlog: Int32 = backlog,
    recovery: Duration = recoveryDuration, reminder: Duration = reminderDuration,
    notice: @escaping (Notice) -> Void = { _ in }, accept: @escaping (AcceptedSocket) -> Void
  ) throws(TransportError) -> Listener {
    loop.requireOnLoop()
    guard !loop.isStopping else {
      throw TransportError(.loopStopped, "the event loop has stopped; nothing can listen on it")
    }
    let binding: Binding =
      switch (endpoint, handed) {
      case (_, let handed?): .handed(handed)
      case (.tcp, nil), (.tls, nil): try .tcp(endpoint, backlog: backlog)
      case (.unix(let path), nil): try .unix(path: path, backlog: backlog)
      case (.web, nil): throw TransportError(.invalidEndpoint, "\(endpoint) is for clients: a server listens on HTTP")
      }
    return try Listener(
      loop: loop, binding: binding, recovery: recovery, reminder: reminder, notice: notice, accept: accept)
  }

  private init(
    loop: EventLoop, binding: consuming Binding, recovery: Duration, reminder: Duration,
    notice: @escaping (Notice) -> Void, accept: @escaping (AcceptedSocket) -> Void
  ) throws(TransportError) {
    self.loop = loop
    recoveryDuration = recovery
    self.reminder = reminder
    endpoint = binding.endpoint
    socketFile = binding.file
    let descriptor = binding.takeSocket()
    let number = descriptor.number
    socket = consume descriptor
    self.notice = notice
    self.accept = accept
    // The loop keeps an open listener alive as its member; `close` frees the event first.
    let context = unsafe Unmanaged.passUnretained(self).toOpaque()
    event = unsafe loop.makeEvent(number, EV_READ | EV_PERSIST, context: context) { _, _, context in
      guard let context = unsafe context else { return }
      unsafe Unmanaged<Listener>.fromOpaque(context).takeUnretainedValue().acceptWaiting()
    }
    guard let isAdded = event?.add(), isAdded else {
      throw TransportError("cannot listen on \(endpoint)", cause: .last)
    }
    memberID = loop.join(self)
  }

  /// Stops listening and removes the file of a Unix socket. Connections that are not accepted yet are refused.
  package func close() {
    loop.requireOnLoop()
    guard socket != nil else { return }
    pause?.cancel()
    pause = nil
    recovery?.cancel()
    recovery = nil
    event = nil
    // The file is removed first: a client that connects in between reaches nobody either way.
    socketFile?.remove()
    socket = nil
    accept = nil
    notice = nil
    loop.leave(memberID)
  }

  func loopStops() { close() }

  private func acceptWaiting() {
    for _ in 0..<Self.acceptCountMax {
      guard let number = socket?.number, let accept else { return }
      let accepted: AcceptedSocket
      do throws(SystemError) {
        accepted = try SocketAddress.accept(from: number)
      } catch {
        switch error.number {
        case EAGAIN: return
        // accept(2): an error of a connection that is not accepted yet is not an error of the listener.
        case EINTR, ECONNABORTED, EPERM, EPROTO, ENOPROTOOPT, EOPNOTSUPP, ENETDOWN, ENETUNREACH, EHOSTDOWN,
          EHOSTUNREACH, ENONET:
          continue
        default: return pauseAccepting(error)
        }
      }
      accept(accepted)
    }
  }

  /// Since the connection still waits, the event would fire again and again.
  private func pauseAccepting(_ error: SystemError) {
    event?.remove()
    pause = loop.schedule(after: Self.pauseDuration) { [weak self] in
      guard let self, let isAdded = self.event?.add(), !isAdded else { return }
      self.pauseAccepting(.last)
    }
    if trouble != nil {
      trouble?.failureCount += 1
      trouble?.last = loop.now
      return
    }
    trouble = Trouble(begun: loop.now, last: loop.now, reported: loop.now)
    awaitRecovery(recoveryDuration)
    notice?(
      .failing(
        TransportError(
          "connections to \(endpoint) wait to be accepted", cause: error,
          advice: TransportError.Code(error) == .outOfDescriptors ? "raise the limit on open files (ulimit -n)" : nil)))
  }

  /// It has recovered when it has not failed for a while.
  private func awaitRecovery(_ delay: Duration) {
    recovery = loop.schedule(after: delay) { [weak self] in
      guard let self, let trouble = self.trouble else { return }
      let quiet = Duration.nanoseconds(Int64(clamping: self.loop.now.nanoseconds(since: trouble.last)))
      let duration = Duration.nanoseconds(Int64(clamping: trouble.last.nanoseconds(since: trouble.begun)))
      guard quiet >= self.recoveryDuration else {
        if self.loop.now >= trouble.reported + self.reminder {
          self.trouble?.reported = self.loop.now
          self.notice?(.stillFailing(self.endpoint, failureCount: trouble.failureCount, for: duration))
        }
        return self.awaitRecovery(self.recoveryDuration - quiet)
      }
      self.trouble = nil
      self.notice?(.recovered(self.endpoint, failureCount: trouble.failureCount, after: duration))
    }
  }
}
