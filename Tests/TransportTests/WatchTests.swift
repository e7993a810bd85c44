import Glibc
import LogsSystem
import LogsTransport
import Testing

@Suite struct WatchTests {
  /// A pipe or a pair of sockets, open until closed or released.
  private final class Ends {
    private var first: Descriptor?
    private var second: Descriptor?
    let numbers: [Int32]

    init(_ make: (inout [Int32]) -> Int32) throws {
      var numbers: [Int32] = [-1, -1]
      guard make(&numbers) == 0 else { throw SystemError(errno) }
      for number in numbers { _ = fcntl(number, F_SETFL, O_NONBLOCK) }
      first = Descriptor(adopting: numbers[0])
      second = Descriptor(adopting: numbers[1])
      self.numbers = numbers
    }

    static func pipe() throws -> Ends { try Ends { Glibc.pipe(&$0) } }

    func closeFirst() { first = nil }

    func closeSecond() { second = nil }
  }

  @Test func `readable bytes are reported until they are read, but not while the watch is paused`() async throws {
    let loop = try EventLoop.start(name: "test")
    let ends = try Ends.pipe()
    let read = ends.numbers[0]
    let told = Counter()
    let watch = try await loop.run { LoopBox(try loop.watch(read, for: .readable) { told.add(1) }) }
    #expect(told.value == 0)
    try Descriptor.write([1, 2], to: ends.numbers[1])
    await told.until { $0 >= 2 }
    await loop.run { watch.value.pause() }
    let paused = told.value
    for _ in 0..<3 { await loop.run {} }
    #expect(told.value == paused)
    try await loop.run { try watch.value.resume() }
    await told.until { $0 > paused }
    await loop.run {
      watch.value.cancel()
      watch.value.cancel()
    }
    let cancelled = told.value
    for _ in 0..<3 { await loop.run {} }
    #expect(told.value == cancelled)
    loop.stop()
    ends.closeFirst()
  }

  @Test func `a full pipe is writable again after a read`() async throws {
    let loop = try EventLoop.start(name: "test")
    defer { loop.stop() }
    let ends = try Ends.pipe()
    let (read, write) = (ends.numbers[0], ends.numbers[1])
    while true { do { try Descriptor.write([UInt8](repeating: 0, count: 4096), to: write) } catch { break } }
    let told = Counter()
    let watch = try await loop.run { LoopBox(try loop.watch(write, for: .writable) { told.add(1) }) }
    for _ in 0..<3 { await loop.run {} }
    #expect(told.value == 0)
    var buffer = [UInt8](repeating: 0, count: 4096)
    while Glibc.read(read, &buffer, buffer.count) > 0 {}
    await told.until { $0 > 0 }
    await loop.run { watch.value.cancel() }
    ends.closeFirst()
  }

  @Test func `the loss of a pipe's reader is reported once, and only if it happens`() async throws {
    let loop = try EventLoop.start(name: "test")
    defer { loop.stop() }
    let ends = try Ends.pipe()
    let write = ends.numbers[1]
    let told = Counter()
    _ = try await loop.run { LoopBox(try loop.watch(write, for: .hungUp) { told.add(1) }) }
    try Descriptor.write([1], to: write)
    ends.closeFirst()
    await told.until { $0 > 0 }
    for _ in 0..<3 { await loop.run {} }
    #expect(told.value == 1)
    ends.closeSecond()
  }

  @Test func `input from a socket's peer is not a hang-up`() async throws {
    let loop = try EventLoop.start(name: "test")
    defer { loop.stop() }
    let ends = try Ends { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &$0) }
    let own = ends.numbers[0]
    let told = Counter()
    _ = try await loop.run { LoopBox(try loop.watch(own, for: .hungUp) { told.add(1) }) }
    try Descriptor.write([1], to: ends.numbers[1])
    for _ in 0..<3 { await loop.run {} }
    #expect(told.value == 0)
    ends.closeSecond()
    await told.until { $0 > 0 }
    #expect(told.value == 1)
    ends.closeFirst()
  }

  @Test func `a file cannot be watched`() async throws {
    let loop = try EventLoop.start(name: "test")
    defer { loop.stop() }
    let file = try Descriptor.open("/proc/self/exe", O_RDONLY)
    let number = file.number
    let error = await loop.run { () -> SystemError? in
      do throws(SystemError) {
        _ = try loop.watch(number, for: .readable) {}
        return nil
      } catch { return error }
    }
    #expect(error?.number == EPERM)
    _ = consume file
  }
}
