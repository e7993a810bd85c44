import Glibc
import Synchronization

/// A TCP port that passes bytes on to a server, as well as its faults let it.
///
/// The n-th connection has the n-th fault; connections beyond the last one have none. One thread a connection.
final class FaultyProxy: Sendable {
  enum Direction: CaseIterable {
    case toServer
    case toClient
  }

  enum Fault {
    /// Closes both ends behind so many bytes of one direction.
    case cut(Direction, after: Int)
    /// Passes nothing on any more, in neither direction, and closes nothing either.
    case stall(Direction, after: Int)
    /// Flips bits of the byte behind so many bytes, and goes on.
    case corrupt(Direction, after: Int)
    /// Passes bytes in pieces of so many, with a pause between.
    case slow(pieceByteCount: Int, pause: Duration)
    /// Closes at once.
    case refuse
  }

  let url: String
  private let upstream: String
  private let listener: Int32
  private let state: Mutex<State>

  private struct State {
    var faults: [Fault]
    var acceptedCount = 0
    var finishedFaultCount = 0
    var isOver = false
    var runningCount = 0
  }

  private init(_ upstream: String, _ faults: [Fault], _ listener: Int32, _ port: UInt16) {
    self.upstream = upstream
    self.listener = listener
    url = "logs://127.0.0.1:\(port)"
    state = Mutex(State(faults: faults))
  }

  /// A proxy in front of `server` that ends with its scene.
  static func start(_ server: TestServer, _ faults: [Fault]) throws -> FaultyProxy {
    let (descriptor, port) = try Sockets.listen()
    let proxy = FaultyProxy(server.url, faults, descriptor, port)
    Threads.start { proxy.accept() }
    server.scene.atEnd { proxy.stop() }
    return proxy
  }

  /// How many connections came.
  var connectionCount: Int { state.withLock { $0.acceptedCount } }
  /// How many faults have happened.
  var faultCount: Int { state.withLock { $0.finishedFaultCount } }

  private var isOver: Bool { state.withLock { $0.isOver } }

  /// Ends all connections and waits for their threads.
  private func stop() {
    state.withLock { $0.isOver = true }
    shutdown(listener, Int32(SHUT_RDWR))
    while state.withLock({ $0.runningCount }) > 0 { usleep(1_000) }
    close(listener)
  }

  private func accept() {
    while true {
      let client = Glibc.accept(listener, nil, nil)
      if client < 0 {
        if errno == EINTR || errno == ECONNABORTED { continue }
        return
      }
      let fault: Fault?? = state.withLock { state in
        if state.isOver { return nil }
        state.acceptedCount += 1
        state.runningCount += 1
        return .some(state.faults.isEmpty ? nil : state.faults.removeFirst())
      }
      guard let fault else {
        close(client)
        return
      }
      Threads.start {
        self.serve(client, fault)
        self.state.withLock { $0.runningCount -= 1 }
      }
    }
  }

  private func happened() { state.withLock { $0.finishedFaultCount += 1 } }

  private func serve(_ client: Int32, _ fault: Fault?) {
    defer { close(client) }
    if case .refuse = fault { return happened() }
    let server: Int32
    do { server = try RawClient.connect(upstream) } catch { return }
    defer { close(server) }
    var link = Link(fault: fault)
    while !isOver {
      var polled = [client, server].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      guard poll(&polled, 2, 50) > 0 else { continue }
      for (index, direction) in Direction.allCases.enumerated() where polled[index].revents != 0 {
        let other = index == 0 ? server : client
        switch link.pass(polled[index].fd, to: other, direction) {
        case .going: break
        case .over: return
        case .cut: return happened()
        case .stalled:
          happened()
          return hold(client, server)
        case .corrupted: happened()
        }
      }
    }
  }

  /// POLLRDHUP of poll(2), which Glibc's headers show to C alone.
  private static let peerHasClosed: Int16 = 0x2000

  /// Keeps a stalled connection open until both ends have given it up. Nothing is read, so nobody is told anything.
  private func hold(_ client: Int32, _ server: Int32) {
    var open = [client, server]
    while !isOver, !open.isEmpty {
      var polled = open.map { pollfd(fd: $0, events: Self.peerHasClosed, revents: 0) }
      guard poll(&polled, nfds_t(polled.count), 50) > 0 else { continue }
      open = polled.filter { $0.revents == 0 }.map(\.fd)
    }
  }

  /// What one connection has passed on so far.
  private struct Link {
    let fault: Fault?
    var passed: [Direction: Int] = [:]
    var buffer = [UInt8](repeating: 0, count: 64 << 10)

    enum Outcome {
      case going
      case over
      case cut
      case stalled
      case corrupted
    }

    mutating func pass(_ source: Int32, to target: Int32, _ direction: Direction) -> Outcome {
      var size = buffer.count
      if case .slow(let piece, let pause) = fault {
        usleep(UInt32(pause / .microseconds(1)))
        size = piece
      }
      let count = recv(source, &buffer, size, 0)
      if count <= 0 { return .over }
      let before = passed[direction, default: 0]
      passed[direction] = before + count
      var outcome = Outcome.going
      var kept = count
      switch fault {
      case .cut(direction, let place) where before + count > place:
        (kept, outcome) = (place - before, .cut)
      case .stall(direction, let place) where before + count > place:
        (kept, outcome) = (place - before, .stalled)
      case .corrupt(direction, let place) where before <= place && place < before + count:
        buffer[place - before] ^= 0x24
        outcome = .corrupted
      default: break
      }
      var offset = 0
      while offset < kept {
        let sent = buffer[offset..<kept].withUnsafeBytes {
          send(target, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if sent <= 0 { return .over }
        offset += sent
      }
      return outcome
    }
  }
}
