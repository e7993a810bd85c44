internal import Glibc
internal import LogsWire

/// The memory that all sockets of a loop are read into, one after the other. Small pieces of output are gathered in
/// another one.
@safe struct ReadBuffer: ~Copyable {
  static let byteCount = 64 << 10

  private let base: UnsafeMutableRawPointer

  init() {
    guard let base = unsafe malloc(Self.byteCount) else { outOfMemory(Self.byteCount, for: "a read buffer") }
    unsafe self.base = base
  }

  deinit { unsafe free(base) }

  /// The result of `read(2)`.
  mutating func read(from descriptor: Int32, atMost limit: Int = byteCount) -> Int {
    unsafe Glibc.read(descriptor, base, min(limit, Self.byteCount))
  }

  /// Has `body` write into the place from `offset` to `limit`.
  mutating func withBytes<Result>(
    from offset: Int, atMost limit: Int, _ body: (UnsafeMutableRawPointer, Int) -> Result
  ) -> Result {
    precondition(0 <= offset && offset < Self.byteCount, "the place lies in the buffer")
    return unsafe body(base + offset, min(limit, Self.byteCount) - offset)
  }

  /// The first `count` bytes, valid until the next read.
  func bytes(_ count: Int) -> UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: base, count: count)
  }
}
