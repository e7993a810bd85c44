import Glibc
import LogsTransport
import LogsWire
import Testing

@Suite struct ConnectionTests {
  @Test(arguments: [nil, localhost4, .tcp(host: "::1", port: 0)])
  func `an echo works over Unix sockets, IPv4 and IPv6`(endpoint: Endpoint?) async throws {
    let server = try await TestServer(on: endpoint) { _, recorder in
      recorder.onReceived = { connection, bytes in connection.send(ByteString(bytes)) }
    }
    let client = try EventLoop.start(name: "client")
    defer { client.stop() }
    let sent = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let result = LoopBox<[UInt8]>([])
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      Task {
        try await client.connect(to: server.endpoint) { connection, recorder in
          recorder.onReceived = { connection, _ in
            if recorder.input.count == sent.count { connection.close() }
          }
          recorder.onClosed = { _, reason in
            result.value = recorder.input
            #expect(reason == .closedHere)
            continuation.resume()
          }
          connection.send(ByteString(sent))
        }
      }
    }
    #expect(result.value == sent)
  }

  @Test func `a frame sent to 100 sockets is shared, not copied, and freed when all have it`() async throws {
    let frame = ByteString([UInt8](repeating: 7, count: 1 << 20))
    let head: ByteString = "0123456789"
    let connections = LoopBox<[Connection]>([])
    let count = Counter()
    let server = try await TestServer { connection, _ in
      connections.value.append(connection)
      count.add(1)
    }
    var peers: [RawPeerBox] = []
    for _ in 0..<100 { peers.append(RawPeerBox(try RawPeer(unix: server.path))) }
    await count.until { $0 == 100 }
    let weakStorage = LoopBox<WeakStorage>(WeakStorage())
    await server.loop.run {
      let shared = ByteString(copying: frame.span)
      shared.withUnretainedStorage { weakStorage.value.storage = $1 }
      for connection in connections.value { connection.send(head, sharing: shared) }
    }
    // The kernel takes some of it and nobody reads, so the rest waits, shared.
    let (pending, copied) = await server.loop.run {
      (connections.value.map(\.pendingByteCount).reduce(0, +), connections.value.map(\.copiedByteCount).reduce(0, +))
    }
    #expect(pending > 50 << 20)
    #expect(copied == UInt64(100 * head.count))
    #expect(await server.loop.run { weakStorage.value.storage != nil })
    for peer in peers {
      let bytes = peer.peer.read(head.count + frame.count)
      #expect(bytes.count == head.count + frame.count)
      #expect(bytes.starts(with: head.array))
    }
    // The turn that wrote the last byte is over.
    #expect(await server.loop.run { weakStorage.value.storage == nil })
  }

  @Test func `small parts between large ones keep their order`() async throws {
    let server = try await TestServer { connection, _ in
      for number in 0..<300 {
        connection.send(
          ByteString([UInt8](repeating: UInt8(truncatingIfNeeded: number), count: number % 3 == 0 ? 2000 : 7)))
      }
      connection.closeLingering()
    }
    let peer = try RawPeer(unix: server.path)
    var expected: [UInt8] = []
    for number in 0..<300 {
      expected += [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: number % 3 == 0 ? 2000 : 7)
    }
    let (bytes, error) = peer.readToEnd()
    #expect(bytes == expected)
    #expect(error == 0)
  }

  @Test
  func `output memory counts once for all connections that wait to write the same bytes, until they are done`()
    async throws
  {
    let loop = try EventLoop.start(name: "meter")
    defer { loop.stop() }
    let meter = OutputMeter()
    let directory = try TemporaryDirectory()
    let path = "\(directory.path)/socket"
    let connections = LoopBox<[Connection]>([])
    let count = Counter()
    try await loop.run {
      _ = try Listener.listen(on: .unix(path: path), loop: loop) { socket in
        connections.value.append(Connection(adopting: socket, on: loop, meter: meter))
        count.add(1)
      }
    }
    let peers = try (0..<10).map { _ in RawPeerBox(try RawPeer(unix: path)) }
    await count.until { $0 == 10 }
    let size = 8 << 20
    let byteCount = await loop.run {
      let shared = ByteString([UInt8](repeating: 1, count: size))
      for connection in connections.value {
        connection.handler = Recorder()
        connection.send(ByteString([UInt8](repeating: 2, count: 100)), sharing: shared[1..<size])
      }
      return meter.byteCount
    }
    #expect(byteCount >= size && byteCount < size + 10 * 4_096 + 4_096)
    // More than sockets take: all of it waits as long as one connection has not written it.
    for peer in peers.dropLast(2) { #expect(peer.peer.read(100 + size - 1).count == 100 + size - 1) }
    // The turn that wrote the last of it is over.
    #expect(await loop.run { connections.value.count { $0.pendingByteCount > 0 } } == 2)
    #expect(meter.byteCount >= size && meter.byteCount < size + 2 * 4_096 + 4_096)
    await loop.run { connections.value[8].close() }
    #expect(meter.byteCount >= size)
    await loop.run { connections.value[9].close() }
    #expect(meter.byteCount == 0)
  }

  @Test func `output above the high watermark is reported drained once it has fallen to the low one`() async throws {
    let (events, continuation) = AsyncStream<String>.makeStream()
    let server = try await TestServer { connection, recorder in
      connection.setWatermarks(low: 1000, high: 4 << 20)
      connection.send(ByteString([UInt8](repeating: 1, count: 2 << 20)))
      #expect(!connection.isAboveHighWatermark)
      connection.send(ByteString([UInt8](repeating: 1, count: 2 << 20)))
      #expect(connection.isAboveHighWatermark)
      recorder.onDrained = { connection in
        #expect(!connection.isAboveHighWatermark)
        continuation.yield("drained at \(connection.pendingByteCount <= 1000)")
      }
      continuation.yield("sent")
    }
    let peer = try RawPeer(unix: server.path)
    var iterator = events.makeAsyncIterator()
    #expect(await iterator.next() == "sent")
    #expect(peer.read(4 << 20).count == 4 << 20)
    #expect(await iterator.next() == "drained at true")
  }

  @Test(arguments: [nil, localhost4])
  func `a lingering close delivers the last bytes even if input is unread`(endpoint: Endpoint?) async throws {
    let (events, continuation) = AsyncStream<CloseReason>.makeStream()
    let server = try await TestServer(on: endpoint) { connection, recorder in
      recorder.onReceived = { connection, _ in
        connection.pauseReading()
        connection.send("refused")
        connection.closeLingering()
        connection.send("dropped")
      }
      recorder.onClosed = { continuation.yield($1) }
    }
    let peer = try endpoint == nil ? RawPeer(unix: server.path) : RawPeer(port: server.port)
    // More than one read takes, so that some is unread when the server closes.
    peer.write([UInt8](repeating: 1, count: 3 << 20))
    let (bytes, error) = peer.readToEnd()
    #expect(String(decoding: bytes, as: UTF8.self) == "refused")
    #expect(error == 0)
    peer.endOutput()
    var iterator = events.makeAsyncIterator()
    #expect(await iterator.next() == .closedHere)
  }

  @Test func `a lingering close ends after its time, and after its bytes`() async throws {
    let (events, continuation) = AsyncStream<CloseReason>.makeStream()
    let server = try await TestServer { connection, recorder in
      recorder.onReceived = { connection, bytes in
        if bytes.first == UInt8(ascii: "t") {
          connection.closeLingering(for: .milliseconds(20), discarding: .max)
        } else {
          connection.closeLingering(for: .seconds(3600), discarding: 1000)
        }
      }
      recorder.onClosed = { continuation.yield($1) }
    }
    var iterator = events.makeAsyncIterator()
    let quiet = try RawPeer(unix: server.path)
    quiet.write("t")
    #expect(await iterator.next() == .closedHere)
    let chatty = try RawPeer(unix: server.path)
    chatty.write("b")
    #expect(chatty.read(1).isEmpty)
    chatty.write([UInt8](repeating: 2, count: 1000))
    #expect(await iterator.next() == .closedHere)
  }

  @Test func `a peer that has ended its output still gets answers`() async throws {
    let (events, continuation) = AsyncStream<CloseReason>.makeStream()
    let server = try await TestServer { connection, recorder in
      recorder.onInputEnded = { connection in
        connection.loop.schedule(after: .milliseconds(5)) {
          connection.send(ByteString(recorder.input.reversed()))
          connection.closeLingering()
        }
      }
      recorder.onClosed = { continuation.yield($1) }
    }
    let peer = try RawPeer(unix: server.path)
    peer.write("abc")
    peer.endOutput()
    #expect(String(decoding: peer.readToEnd().bytes, as: UTF8.self) == "cba")
    var iterator = events.makeAsyncIterator()
    #expect(await iterator.next() == .closedByPeer)
  }

  @Test func `a reset is reported as a reset`() async throws {
    let (events, continuation) = AsyncStream<CloseReason>.makeStream()
    let server = try await TestServer(on: localhost4) { _, recorder in
      recorder.onClosed = { continuation.yield($1) }
    }
    do {
      let peer = try RawPeer(port: server.port)
      peer.resetOnClose()
    }
    var iterator = events.makeAsyncIterator()
    guard case .failed(let error) = await iterator.next() else {
      Issue.record("the connection must fail")
      return
    }
    #expect(error.code == .reset)
    #expect(error.isRetryable)
    #expect(error.message.contains("the connection to 127.0.0.1:"))
  }

  @Test func `the last input is read even if the peer takes no more output`() async throws {
    let (events, continuation) = AsyncStream<String>.makeStream()
    let accepted = LoopBox<Connection?>(nil)
    let server = try await TestServer { connection, recorder in
      connection.pauseReading()
      accepted.value = connection
      recorder.onReceived = { continuation.yield(String(decoding: $1, as: UTF8.self)) }
      recorder.onClosed = { continuation.yield($1 == .closedHere ? "here" : "failed") }
      continuation.yield("accepted")
    }
    var iterator = events.makeAsyncIterator()
    do {
      let peer = try RawPeer(unix: server.path)
      #expect(await iterator.next() == "accepted")
      peer.write("goodbye")
    }
    await server.loop.run {
      // In one turn: the peer's input is still unread when the write fails.
      accepted.value?.resumeReading()
      accepted.value?.send("x")
    }
    #expect(await iterator.next() == "goodbye")
    #expect(await iterator.next() == "failed")
  }

  @Test func `closing from inside any callback notifies the owner once`() async throws {
    let (events, continuation) = AsyncStream<String>.makeStream()
    let server = try await TestServer { connection, recorder in
      connection.setWatermarks(low: 0, high: 1)
      recorder.onReceived = { connection, bytes in
        switch bytes.first {
        case UInt8(ascii: "d"): connection.send("x")
        default:
          connection.close()
          connection.close()
          connection.closeLingering()
          connection.send("dropped")
          connection.pauseReading()
          connection.resumeReading()
        }
      }
      recorder.onDrained = { $0.close() }
      recorder.onInputEnded = { $0.close() }
      recorder.onClosed = { connection, reason in
        connection.close()
        continuation.yield("\(reason) \(recorder.closeReasons.count)")
      }
    }
    var iterator = events.makeAsyncIterator()
    for text in ["r", "d", ""] {
      let peer = try RawPeer(unix: server.path)
      peer.write(text)
      peer.endOutput()
      #expect(await iterator.next() == "closedHere 1")
    }
  }

  @Test func `paused reading leaves input with the peer`() async throws {
    let connections = LoopBox<[Connection]>([])
    let (count, byteCount) = (Counter(), Counter())
    let server = try await TestServer { connection, recorder in
      connection.pauseReading()
      recorder.onReceived = { byteCount.add($1.count) }
      connections.value.append(connection)
      count.add(1)
    }
    let peer = try RawPeer(unix: server.path)
    peer.write("abc")
    await count.until { $0 == 1 }
    for _ in 0..<10 { await server.loop.run {} }
    #expect(await server.loop.run { connections.value[0].bytesReceived } == 0)
    await server.loop.run { connections.value[0].resumeReading() }
    await byteCount.until { $0 == 3 }
    #expect(await server.loop.run { connections.value[0].bytesReceived } == 3)
  }

  @Test func `one connection that floods does not hold up another`() async throws {
    let (events, continuation) = AsyncStream<Int>.makeStream()
    let server = try await TestServer { connection, recorder in
      recorder.onReceived = { _, bytes in
        #expect(bytes.count <= 64 << 10)
        if bytes.first == UInt8(ascii: "q") { continuation.yield(bytes.count) }
        // Otherwise a test that has to wait for its turn would keep gigabytes.
        recorder.input = []
      }
    }
    let flood = try RawPeer(unix: server.path)
    let number = flood.number
    let flooding = Task.detached {
      let block = [UInt8](repeating: 0, count: 1 << 20)
      while !Task.isCancelled {
        _ = block.withUnsafeBytes { send(number, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL)) }
      }
    }
    let quiet = try RawPeer(unix: server.path)
    quiet.write("q")
    var iterator = events.makeAsyncIterator()
    #expect(await iterator.next() == 1)
    flooding.cancel()
    _ = await flooding.result
    _ = flood.number
  }

  @Test func `the numbers that liveness needs are counted`() async throws {
    let accepted = LoopBox<Connection?>(nil)
    let (count, byteCount) = (Counter(), Counter())
    let server = try await TestServer { connection, recorder in
      recorder.onReceived = { byteCount.add($1.count) }
      accepted.value = connection
      count.add(1)
    }
    let peer = try RawPeer(unix: server.path)
    await count.until { $0 == 1 }
    let made = await server.loop.run { accepted.value!.lastReceived }
    peer.write("abc")
    await byteCount.until { $0 == 3 }
    let received = await server.loop.run { accepted.value!.lastReceived }
    #expect(received > made)
    // More than the system takes: the rest has made no progress since.
    await server.loop.run { accepted.value!.send(ByteString([UInt8](repeating: 0, count: 8 << 20))) }
    let (sent, pending, stuck) = await server.loop.run {
      (accepted.value!.bytesSent, accepted.value!.pendingByteCount, accepted.value!.lastProgress)
    }
    #expect(sent + UInt64(pending) == 8 << 20)
    #expect(pending > 0)
    #expect(stuck > received)
    #expect(await server.loop.run { accepted.value!.lastProgress } == stuck)
    #expect(peer.read(8 << 20).count == 8 << 20)
    // The turn that wrote the last of it is over.
    #expect(await server.loop.run { accepted.value!.pendingByteCount } == 0)
    #expect(await server.loop.run { accepted.value!.lastProgress } > stuck)
  }

  @Test func `a handler set after the end is notified of it`() async throws {
    let loop = try EventLoop.start(name: "test")
    let server = try await TestServer { _, _ in }
    let box = LoopBox<Connection?>(nil)
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      loop.execute {
        Connector.connect(to: server.endpoint, on: loop, timeout: .seconds(300)) { result in
          if case .success(let connection) = result { box.value = connection }
          continuation.resume()
        }
      }
    }
    loop.stop()
    let reason = await withCheckedContinuation { (continuation: CheckedContinuation<CloseReason, Never>) in
      loop.execute {
        let recorder = Recorder()
        recorder.onClosed = { continuation.resume(returning: $1) }
        box.value?.handler = recorder
      }
    }
    #expect(reason == .loopStopped)
  }

  @Test func `stopping the loop closes its connections and notifies their owners`() async throws {
    let loop = try EventLoop.start(name: "test")
    let server = try await TestServer { _, _ in }
    let counter = Counter()
    let reasons = LoopBox<[CloseReason]>([])
    let freed = LoopBox(WeakConnection())
    try await loop.connect(to: server.endpoint) { connection, recorder in
      freed.value.connection = connection
      recorder.onClosed = { reasons.value.append($1) }
      counter.add(1)
    }
    #expect(await loop.run { freed.value.connection != nil })
    loop.stop()
    #expect(reasons.value == [.loopStopped])
    #expect(freed.value.connection == nil)
  }
}

struct WeakConnection { weak var connection: Connection? }

struct WeakStorage { weak var storage: ByteString.Storage? }

final class RawPeerBox {
  let peer: RawPeer
  init(_ peer: consuming RawPeer) { self.peer = peer }
}
