internal import CEvent
internal import Glibc
internal import LogsSystem
internal import LogsWire

/// An attempt to connect. Bound to its loop's thread.
package final class ConnectAttempt: LoopMember {
  private let endpoint: Endpoint
  private let tls: TLSContext?
  private let loop: EventLoop
  private let userTimeout: Duration
  private let resolve: Resolve
  /// nil once the outcome is known.
  private var completion: ((Result<Connection, TransportError>) -> Void)?
  private var deadline: LoopTimer?
  /// Fires to try the next address, or a full Unix socket again.
  private var delay: LoopTimer?
  private var waiting: ArraySlice<SocketAddress> = []
  private var calls: [ConnectCall] = []
  private var failures: [(address: SocketAddress, error: SystemError)] = []
  private var memberID: UInt64 = 0

  init(
    endpoint: Endpoint, loop: EventLoop, tls: TLSContext? = nil, timeout: Duration,
    userTimeout: Duration = TCPOptions.userTimeout, resolve: @escaping Resolve = ConnectAttempt.resolve,
    completion: @escaping (Result<Connection, TransportError>) -> Void
  ) {
    loop.requireOnLoop()
    self.endpoint = endpoint
    self.tls = tls
    self.loop = loop
    self.userTimeout = userTimeout
    self.resolve = resolve
    self.completion = completion
    memberID = loop.join(self)
    deadline = loop.schedule(after: timeout) { [weak self] in self?.timedOut(timeout) }
    lookUp()
  }

  /// Gives up; the completion is not called any more.
  package func cancel() {
    loop.requireOnLoop()
    completion = nil
    end()
  }

  func loopStops() {
    finish(.failure(TransportError(.loopStopped, "\(what) was given up: the event loop has stopped")))
  }

  private var what: String { "connecting to \(endpoint)" }

  // MARK: Addresses

  /// Looks up the addresses of a host and port, best first, on a thread that may block.
  typealias Resolve = @Sendable (String, UInt16) throws(TransportError) -> [SocketAddress]

  private static func resolve(host: String, port: UInt16) throws(TransportError) -> [SocketAddress] {
    try SocketAddress.resolve(host: host, port: port)
  }

  private func lookUp() {
    // The attempt stays on its thread: the result looks it up among the loop's members, where it may be gone.
    let (loop, memberID, resolve) = (loop, memberID, resolve)
    let answer: @Sendable (Result<[SocketAddress], TransportError>) -> Void = { result in
      loop.execute { (loop.member(memberID) as? ConnectAttempt)?.lookedUp(result) }
    }
    switch endpoint {
    case .unix(let path): answer(Self.result { () throws(TransportError) in [try SocketAddress.unix(path: path)] })
    case .tcp, .tls, .web:
      guard let (host, port) = endpoint.hostAndPort else { return }
      let numeric = Self.result { () throws(TransportError) in
        try SocketAddress.resolve(host: host, port: port, flags: AI_NUMERICHOST)
      }
      if case .success = numeric { return answer(numeric) }
      do throws(TransportError) {
        _ = try Thread.start("logs-lookup") {
          answer(Self.result { () throws(TransportError) in try resolve(host, port) })
        }
      } catch {
        answer(.failure(error))
      }
    }
  }

  private static func result<Value>(
    _ body: () throws(TransportError) -> Value
  ) -> Result<Value, TransportError> {
    do throws(TransportError) { return .success(try body()) } catch { return .failure(error) }
  }

  private func lookedUp(_ result: Result<[SocketAddress], TransportError>) {
    guard !loop.isStopping else { return loopStops() }
    switch result {
    case .success(let addresses):
      waiting = addresses[...]
      tryNext()
    case .failure(let error): finish(.failure(error))
    }
  }

  // MARK: Sockets

  /// Tries the next address. If there is none and no call is in progress, all have failed.
  private func tryNext() {
    delay?.cancel()
    delay = nil
    while let address = waiting.popFirst() {
      do throws(SystemError) {
        let socket = try Descriptor.socket(family: address.family)
        do throws(SystemError) {
          try socket.connect(to: address)
        } catch {
          guard error.number == EINPROGRESS else { throw error }
          try wait(for: socket, address)
          if !waiting.isEmpty {
            delay = loop.schedule(after: Connector.addressDelay) { [weak self] in self?.tryNext() }
          }
          return
        }
        return succeed(socket, address)
      } catch {
        if error.number == EAGAIN, address.family == AF_UNIX { return tryLater(address) }
        failures.append((address, error))
      }
    }
    if calls.isEmpty { fail() }
  }

  /// A Unix socket whose queue is full fails at once instead of waiting.
  private func tryLater(_ address: SocketAddress) {
    waiting = [address]
    delay = loop.schedule(after: Connector.queueDelay) { [weak self] in self?.tryNext() }
  }

  private func wait(for socket: consuming Descriptor, _ address: SocketAddress) throws(SystemError) {
    calls.append(try ConnectCall(socket: socket, address: address, loop: loop) { [weak self] in self?.answered($0) })
  }

  private func answered(_ call: ConnectCall) {
    calls.removeAll { $0 === call }
    guard let socket = call.takeSocket() else { return }
    if let error = socket.takeError() {
      failures.append((call.address, error))
      tryNext()
    } else {
      succeed(socket, call.address)
    }
  }

  // MARK: Outcomes

  private func succeed(_ socket: consuming Descriptor, _ address: SocketAddress) {
    let peer = address.family == AF_UNIX ? endpoint.description : address.description
    var side: (TLSContext, TLSServerName?)?
    if endpoint.isTLS, let (host, port) = endpoint.hostAndPort {
      guard let tls else { preconditionFailure("TLS is connected to with its context") }
      side = (tls, TLSServerName(host: host, port: port, web: webAddress))
    }
    let connection = Connection(
      descriptor: socket, peer: peer, loop: loop, meter: nil, tls: side, userTimeout: userTimeout)
    if let webAddress { connection.openWebSocket(webAddress) }
    finish(.success(connection))
  }

  private var webAddress: WebAddress? { if case .web(let address) = endpoint { address } else { nil } }

  private func timedOut(_ timeout: Duration) {
    let tried = waiting.isEmpty && calls.isEmpty && failures.isEmpty ? "the name lookup gave no answer" : "no answer"
    finish(
      .failure(
        TransportError(
          .timedOut, "\(what) failed: \(tried) within \(timeout); check the address and what lies between",
          cause: SystemError(ETIMEDOUT))))
  }

  /// The system considers the first address best, so its error is reported first.
  private func fail() {
    guard let first = failures.first else {
      return finish(.failure(TransportError(.nameNotFound, "\(what) failed: the host has no address")))
    }
    let others = failures.dropFirst().map { " (\($0.address): \($0.error))" }.joined()
    finish(
      .failure(
        TransportError(
          TransportError.Code(first.error),
          "\(what) failed: \(first.error)\(others)\(advice(first.error).map { "; \($0)" } ?? "")", cause: first.error)))
  }

  private func advice(_ error: SystemError) -> String? {
    switch error.number {
    case ECONNREFUSED: "check that a server listens there"
    case ENOENT: "no such socket: check the path and that the server runs"
    case EACCES, EPERM: "check who may use the socket"
    default: nil
    }
  }

  private func finish(_ result: Result<Connection, TransportError>) {
    guard let completion else { return }
    self.completion = nil
    end()
    completion(result)
  }

  private func end() {
    deadline?.cancel()
    deadline = nil
    delay?.cancel()
    delay = nil
    for call in calls { _ = call.takeSocket() }
    calls = []
    waiting = []
    loop.leave(memberID)
  }
}
