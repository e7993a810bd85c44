import Glibc
import LogsTransport
import LogsWire
import Testing

/// What concerns the whole process is tested in processes of its own.
@Suite struct ProcessTests {
  @Test func `a loop gives back every descriptor, also those of 1,000 connections`() async {
    await #expect(processExitsWith: .success) {
      let before = openDescriptors()
      do {
        let open = Counter()
        let server = try await TestServer { connection, recorder in
          open.add(1)
          recorder.onReceived = { connection, bytes in connection.send(Bytes(bytes)) }
          recorder.onClosed = { _, _ in open.add(-1) }
        }
        for _ in 0..<1000 {
          let peer = try RawPeer(unix: server.path)
          peer.write("x")
          #expect(peer.read(1) == [UInt8(ascii: "x")])
        }
        while open.value > 0 { await Task.yield() }
        let client = try EventLoop.start(name: "client")
        for _ in 0..<10 { try await client.connect(to: server.endpoint) { _, _ in } }
        client.stop()
        server.loop.stop()
      }
      #expect(openDescriptors() == before)
    }
  }

  @Test func `without descriptors connections wait, and are accepted when there are some again`() async {
    await #expect(processExitsWith: .success) {
      let loop = try EventLoop.start(name: "test")
      let directory = try TemporaryDirectory()
      let path = "\(directory.path)/socket"
      let accepted = LoopBox<[AcceptedSocket]>([])
      let notices = LoopBox<[TransportError]>([])
      _ = try await loop.run {
        try Listener.listen(on: .unix(path: path), loop: loop, notice: { notices.value.append($0) }) {
          accepted.value.append($0)
        }.endpoint
      }
      let first = try RawPeer(unix: path)
      while await loop.run({ accepted.value.count }) < 1 { await Task.yield() }
      // The connecting socket takes the last descriptor.
      let next = dup(0)
      close(next)
      var limit = rlimit(rlim_cur: rlim_t(next + 1), rlim_max: 4096)
      #expect(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
      let second = try RawPeer(unix: path)
      while await loop.run({ notices.value.count }) < 2 { await Task.yield() }
      let (count, notice) = await loop.run { (accepted.value.count, notices.value[0]) }
      #expect(count == 1)
      #expect(notice.code == .outOfDescriptors)
      #expect(notice.message.hasSuffix("too many open files; raise the limit on open files (ulimit -n)"))
      await loop.run { accepted.value.removeAll() }
      while await loop.run({ accepted.value.count }) < 1 { await Task.yield() }
      loop.stop()
      _ = (first.number, second.number)
    }
  }

  @Test func `what belongs to a loop cannot be used elsewhere`() async {
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
          var watch: SignalWatch?
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

private func openDescriptors() -> [String] {
  guard let directory = opendir("/proc/self/fd") else { return [] }
  defer { closedir(directory) }
  var names: [String] = []
  while let entry = readdir(directory) {
    names.append(
      withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      })
  }
  return names.sorted()
}
