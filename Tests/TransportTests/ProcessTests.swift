import Glibc
import LogsSystem
import LogsTransport
import LogsWire
import Testing

/// Effects on the whole process are tested in separate processes.
@Suite struct ProcessTests {
  @Test func `a loop releases all descriptors, even those of 1,000 connections`() async {
    await #expect(processExitsWith: .success) {
      try await useDescriptors()
      let before = openDescriptorCount()
      for _ in 0..<20 { try await useDescriptors() }
      // System libraries open a few at any time; losing one with each loop would make 40.
      #expect(openDescriptorCount() < before + 10)
    }
  }

  @Test func `without descriptors connections wait until there are some again, and both are reported once`()
    async
  {
    await #expect(processExitsWith: .success) {
      let loop = try EventLoop.start(name: "test")
      let directory = try TemporaryDirectory()
      let path = "\(directory.path)/socket"
      let accepted = LoopBox<[AcceptedSocket]>([])
      let acceptedCount = Monitor(0)
      let notices = LoopBox<[Listener.Notice]>([])
      let noticeCount = Monitor(0)
      let recovery = Monitor(0)
      try await loop.run {
        _ = try Listener.listen(
          on: .unix(path: path), loop: loop, recovery: .milliseconds(300),
          reminder: .milliseconds(50),
          notice: { notice in
            notices.value.append(notice)
            noticeCount.raise()
            if case .recovered = notice { recovery.raise() }
          },
          accept: { socket in
            accepted.value.append(socket)
            acceptedCount.raise()
          })
      }
      // A few more than the descriptors that system libraries may release meanwhile.
      let peers = (0..<20).map { _ in RawPeerBox(RawPeer()) }
      let limits = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
      var usual = rlimit()
      getrlimit(limits, &usual)
      // From here on nothing may suspend: the runtime also needs descriptors.
      var limit = usual
      limit.rlim_cur = rlim_t(dup(0) + 1)
      setrlimit(limits, &limit)
      while dup(0) >= 0 {}
      for peer in peers { try peer.peer.connect(unix: path) }
      noticeCount.wait(for: 1)
      #expect(acceptedCount.withLock { $0 } < peers.count)
      let turns = Monitor(0)
      func takeTurns(_ count: Int) {
        for turn in turns.withLock({ $0 }) + 1...turns.withLock({ $0 }) + count {
          loop.execute { turns.raise() }
          turns.wait(for: turn)
        }
      }
      takeTurns(100)
      // Behind the end of its pause and the turn after that it has failed again.
      let isLater = Monitor(0)
      loop.execute { loop.schedule(after: Listener.pauseDuration * 2) { isLater.raise() } }
      isLater.wait(for: 1)
      takeTurns(2)
      // It is reported that it still fails.
      noticeCount.wait(for: 2)
      setrlimit(limits, &usual)
      acceptedCount.wait(for: peers.count)
      recovery.wait(for: 1)
      loop.stop()
      for notice in notices.value.dropFirst().dropLast() {
        guard case .stillFailing(_, let count, _) = notice, count > 0 else { fatalError("\(notices.value)") }
      }
      guard case .failing(let error)? = notices.value.first,
        case .recovered(_, let failureCount, let duration)? = notices.value.last
      else { fatalError("\(notices.value)") }
      #expect(error.code == .outOfDescriptors)
      #expect(error.message.hasSuffix("too many open files; raise the limit on open files (ulimit -n)"))
      // A spinning loop would fail in each turn.
      #expect(failureCount >= 2 && failureCount <= 2 + Int(duration / Listener.pauseDuration))
    }
  }

  @Test func `objects of a loop cannot be used elsewhere`() async {
    await #expect(processExitsWith: .failure) {
      let loop = try EventLoop.start(name: "test")
      _ = loop.now
    }
  }

  @Test func `a watched signal arrives on the loop, and has its default action again afterwards`() async {
    await #expect(processExitsWith: .signal(SIGTERM)) {
      let loop = try EventLoop.start(name: "test")
      await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
        loop.execute {
          var watch: LoopWatch?
          watch = loop.onSignal(SIGTERM) {
            #expect(loop.isOnLoop)
            watch?.cancel()
            continuation.resume()
          }
          kill(getpid(), SIGTERM)
        }
      }
      await loop.run { _ = kill(getpid(), SIGTERM) }
      while true { pause() }
    }
  }
}

extension Monitor<Int> {
  fileprivate func raise() {
    withLock { $0 += 1 }
    signal()
  }

  fileprivate func wait(for count: Int) { _ = wait { $0 >= count ? true : nil } }
}

/// 50 connections one after the other, ten at once, two loops.
private func useDescriptors() async throws {
  let open = Counter()
  let server = try await TestServer { connection, recorder in
    open.add(1)
    recorder.onReceived = { connection, bytes in connection.send(ByteString(bytes)) }
    recorder.onClosed = { _, _ in open.add(-1) }
  }
  for _ in 0..<50 {
    let peer = try RawPeer(unix: server.path)
    peer.write("x")
    #expect(peer.read(1) == [UInt8(ascii: "x")])
  }
  await open.until { $0 == 0 }
  let client = try EventLoop.start(name: "client")
  for _ in 0..<10 { try await client.connect(to: server.endpoint) { _, _ in } }
  client.stop()
  server.loop.stop()
}

private func openDescriptorCount() -> Int {
  guard let directory = opendir("/proc/self/fd") else { return 0 }
  defer { closedir(directory) }
  var count = 0
  while readdir(directory) != nil { count += 1 }
  return count
}
