import Glibc
import LogsSystem

/// A TCP port that passes bytes on to a server, except where its faults interfere.
///
/// The n-th connection has the n-th fault; connections beyond the last one have none. One thread per connection.
final class FaultyProxy: Sendable {
  enum Direction: CaseIterable {
    case toServer
    case toClient
  }

  enum Fault {
    /// Closes both ends after that many bytes of one direction.
    case cut(Direction, after: Int)
    /// Stops passing bytes on in both directions, and closes nothing either.
    case stall(Direction, after: Int)
    /// Drops all further bytes in one direction; the other one goes on as if nothing were wrong.
    case halfOpen(Direction, after: Int)
    /// Closes the client's end after that many bytes to the server. The server gets what the client sent beyond them
    /// later: once the next connection has brought it `behind` bytes.
    case late(after: Int, behind: Int)
    /// Flips bits of the byte after that many bytes, and goes on.
    case corrupt(Direction, after: Int)
    /// Passes bytes on in pieces of that size, with a pause in between.
    case slow(pieceByteCount: Int, pause: Duration)
    /// Closes at once.
    case refuse
  }

  let url: String
  private let upstream: String
  private let listener: Int32
  private let state: Monitor<State>

  private struct State {
    var faults: [Fault]
    var acceptedCount = 0
    var finishedFaultCount = 0
    var corruptedCount = 0
    var isOver = false
    var runningCount = 0
    /// Both ends of the current connections, by number.
    var open: [Int: [Int32]] = [:]
    /// What each connection has delivered to the server.
    var broughtByteCounts: [Int] = []
  }

  private init(_ upstream: String, _ faults: [Fault], _ listener: Int32, _ port: UInt16) {
    self.upstream = upstream
    self.listener = listener
    let scheme = ["logs+tls", "logs+ws"].first { upstream.hasPrefix("\($0):") } ?? "logs"
    url = "\(scheme)://127.0.0.1:\(port)"
    state = Monitor(State(faults: faults))
  }

  /// A proxy in front of `server` that ends with its scene.
  static func start(_ server: TestServer, _ faults: [Fault]) throws -> FaultyProxy {
    let (descriptor, port) = try Sockets.listen()
    let proxy = FaultyProxy(server.url, faults, descriptor, port)
    Threads.start { proxy.accept() }
    server.scene.atEnd { proxy.stop() }
    return proxy
  }

  /// How many connections have been made.
  var connectionCount: Int { state.withLock { $0.acceptedCount } }
  /// How many faults have happened.
  var faultCount: Int { state.withLock { $0.finishedFaultCount } }
  /// How many connections received wrong bytes.
  var corruptedCount: Int { state.withLock { $0.corruptedCount } }

  private var isOver: Bool { state.withLock { $0.isOver } }

  /// Cuts all current connections.
  func cut() {
    state.withLock { state in
      for ends in state.open.values { for end in ends { shutdown(end, Int32(SHUT_RDWR)) } }
    }
  }

  /// Connections from now on have these faults.
  func setFaults(_ faults: [Fault]) { state.withLock { $0.faults = faults } }

  /// Ends all connections and waits for their threads.
  private func stop() {
    state.withLock { $0.isOver = true }
    state.signal()
    shutdown(listener, Int32(SHUT_RDWR))
    cut()
    _ = state.wait { $0.runningCount == 0 ? true : nil }
    close(listener)
  }

  private func accept() {
    while true {
      let client = Glibc.accept(listener, nil, nil)
      if client < 0 {
        if errno == EINTR || errno == ECONNABORTED { continue }
        return
      }
      let next: (number: Int, fault: Fault?)? = state.withLock { state in
        if state.isOver { return nil }
        state.acceptedCount += 1
        state.runningCount += 1
        state.broughtByteCounts.append(0)
        return (state.acceptedCount - 1, state.faults.isEmpty ? nil : state.faults.removeFirst())
      }
      guard let next else {
        close(client)
        return
      }
      Threads.start {
        self.serve(client, next.fault, number: next.number)
        self.state.withLock { $0.runningCount -= 1 }
        self.state.signal()
      }
    }
  }

  private func happened() { state.withLock { $0.finishedFaultCount += 1 } }

  private func serve(_ client: Int32, _ fault: Fault?, number: Int) {
    // Closed here and not earlier: until then `cut` may touch it.
    var ends = [client]
    defer {
      state.withLock { $0.open[number] = nil }
      for end in ends { close(end) }
    }
    if case .refuse = fault { return happened() }
    do { ends.append(try RawClient.connect(upstream)) } catch { return }
    let server = ends[1]
    state.withLock { $0.open[number] = ends }
    var link = FaultyLink(fault: fault)
    while !isOver {
      var polled = ends.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      // The end of everything wakes it, too: `cut` shuts both ends down.
      guard poll(&polled, 2, -1) > 0 else { continue }
      for (index, direction) in Direction.allCases.enumerated() where polled[index].revents != 0 {
        let outcome = link.pass(ends[index], to: ends[1 - index], direction)
        if index == 0 {
          state.withLock { $0.broughtByteCounts[number] = link.passedByteCount(.toServer) }
          state.signal()
        }
        switch outcome {
        case .going: break
        case .over: return
        case .cut: return happened()
        case .stalled:
          happened()
          return hold(ends)
        case .happened:
          if case .corrupt = fault { state.withLock { $0.corruptedCount += 1 } }
          happened()
        case .late(let bytes, let behind):
          happened()
          let rest = bytes + FaultyLink.rest(of: client)
          shutdown(client, Int32(SHUT_RDWR))
          return deliver(rest, to: server, number, behind: behind)
        }
      }
    }
  }

  /// POLLRDHUP of poll(2), which Glibc's headers expose only to C.
  private static let peerHasClosed: Int16 = 0x2000

  /// Keeps a stalled connection open until both ends have given it up. Nothing is read, so neither end notices.
  private func hold(_ ends: [Int32]) {
    var open = ends
    while !isOver, !open.isEmpty {
      var polled = open.map { pollfd(fd: $0, events: Self.peerHasClosed, revents: 0) }
      guard poll(&polled, nfds_t(polled.count), -1) > 0 else { continue }
      open = polled.filter { $0.revents == 0 }.map(\.fd)
    }
  }

  /// Delivers to the server what its client sent on an abandoned connection, once the next one has overtaken it.
  private func deliver(_ bytes: [UInt8], to server: Int32, _ number: Int, behind byteCount: Int) {
    _ = state.wait { state in
      let isOvertaken =
        state.broughtByteCounts.indices.contains(number + 1) && state.broughtByteCounts[number + 1] >= byteCount
      return isOvertaken || state.isOver ? true : nil
    }
    guard FaultyLink.send(bytes[...], to: server) else { return }
    // Closed before the server has read it, the connection would be reset and the bytes with it.
    shutdown(server, Int32(SHUT_WR))
    while !isOver, FaultyLink.read(server) {}
  }
}
