internal import CEvent
internal import Glibc
internal import LogsSystem
internal import LogsWire

/// Bytes to be written: libevent's `evbuffer`, a chain of memory blocks, copied or shared.
@safe struct OutputBuffer: ~Copyable {
  /// From this size on, sharing costs less than copying.
  static let sharedByteCountMin = 1024

  /// Shared bytes, by their offsets in everything ever queued. `evbuffer` has only addresses; the bytes are kept alive
  /// here.
  private struct Share {
    /// nil once they are written.
    var storage: ByteString.Storage?
    let start: UInt64
    let end: UInt64
  }

  /// The memory that `evbuffer` takes for a share and for the header before it, which has its own block.
  private static let shareOverhead = 1_136
  /// How many slots of written shares may wait to be reused.
  private static let writtenShareCountMax = 32

  private let pointer: OpaquePointer
  private let meter: OutputMeter?
  private(set) var count = 0
  /// How many bytes were ever copied in; the others are shared.
  private(set) var copiedByteCount: UInt64 = 0
  private var shares: [Share] = []
  /// Those before it are written.
  private var firstShare = 0
  /// How many bytes were ever written.
  private var position: UInt64 = 0
  private var endsShared = false

  init(meter: OutputMeter? = nil) {
    guard let buffer = unsafe evbuffer_new() else { outOfMemory(0, for: "an output buffer") }
    unsafe pointer = buffer
    self.meter = meter
  }

  deinit {
    unsafe evbuffer_free(pointer)
    var copiedCount = count
    for share in shares[firstShare...] {
      copiedCount -= Int(share.end - max(share.start, position))
      leave(share.storage)
    }
    meter?.add(-copiedCount)
  }

  var isEmpty: Bool { count == 0 }

  /// - Returns: how many bytes wait now.
  @discardableResult
  mutating func append(_ bytes: ByteString) -> Int {
    if bytes.count < Self.sharedByteCountMin { append(copying: bytes.span) } else { append(sharing: bytes) }
    return count
  }

  /// - Returns: how many bytes wait now.
  @discardableResult
  mutating func append(copying span: RawSpan) -> Int {
    guard span.byteCount > 0 else { return count }
    let isAdded = unsafe span.withUnsafeBytes { bytes in
      endsShared ? unsafe addBehindShared(bytes) : unsafe evbuffer_add(pointer, bytes.baseAddress, bytes.count) == 0
    }
    if !isAdded { outOfMemory(span.byteCount, for: "output") }
    endsShared = false
    count += span.byteCount
    copiedByteCount += UInt64(span.byteCount)
    meter?.add(span.byteCount)
    return count
  }

  /// After a shared batch, `evbuffer_add` would make a block twice as large as the previous one, up to 4 KiB, for a
  /// header of 40 bytes. Reserving makes the smallest possible one.
  private func addBehindShared(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var room = unsafe iovec()
    guard unsafe evbuffer_reserve_space(pointer, bytes.count, &room, 1) == 1, let source = bytes.baseAddress else {
      return false
    }
    unsafe memcpy(room.iov_base, source, bytes.count)
    unsafe room.iov_len = bytes.count
    return unsafe evbuffer_commit_space(pointer, &room, 1) == 0
  }

  private mutating func append(sharing bytes: ByteString) {
    let end = position + UInt64(count)
    let status = unsafe bytes.withUnretainedStorage { address, storage in
      enter(storage)
      shares.append(Share(storage: storage, start: end, end: end + UInt64(bytes.count)))
      return unsafe evbuffer_add_reference(pointer, address, bytes.count, nil, nil)
    }
    if status != 0 { outOfMemory(bytes.count, for: "output") }
    endsShared = true
    count += bytes.count
  }

  /// Writes as much as one `writev(2)` of at most 128 blocks takes. The buffer must not be empty.
  mutating func write(to descriptor: Int32) -> ByteChannel.Output {
    let written = unsafe evbuffer_write(pointer, descriptor)
    guard written < 0 else {
      forget(Int(written))
      return .took(Int(written))
    }
    let error = SystemError.last
    return error.number == EAGAIN || error.number == EINTR ? .wouldBlock : .failed(error)
  }

  /// Shows `body` the first bytes: those of the first block if they are `byteCount` or more, else as many of the first
  /// blocks as there are up to that, copied into `buffer`. The buffer must not be empty.
  func withFirstBytes<Result>(
    atLeast byteCount: Int, gatheredIn buffer: inout ReadBuffer, _ body: (UnsafeRawBufferPointer) -> Result
  ) -> Result {
    var first = unsafe iovec()
    guard unsafe evbuffer_peek(pointer, -1, nil, &first, 1) == 1 else { preconditionFailure("the buffer is empty") }
    if unsafe first.iov_len >= min(byteCount, count) {
      return unsafe body(UnsafeRawBufferPointer(start: first.iov_base, count: Int(first.iov_len)))
    }
    let copiedByteCount = unsafe buffer.withBytes(from: 0, atMost: byteCount) {
      unsafe Int(evbuffer_copyout(pointer, $0, $1))
    }
    return unsafe body(buffer.bytes(copiedByteCount))
  }

  /// Removes the first bytes, which were written.
  mutating func remove(_ byteCount: Int) {
    precondition(unsafe evbuffer_drain(pointer, byteCount) == 0, "an output buffer is never frozen")
    forget(byteCount)
  }

  /// Removes all bytes.
  mutating func removeAll() {
    remove(count)
  }

  /// `evbuffer` no longer needs the first bytes.
  private mutating func forget(_ byteCount: Int) {
    let before = position
    position += UInt64(byteCount)
    count -= byteCount
    var copiedCount = byteCount
    while firstShare < shares.count {
      let (start, end) = (shares[firstShare].start, shares[firstShare].end)
      if start < position { copiedCount -= Int(min(end, position) - max(start, before)) }
      guard end <= position else { break }
      leave(shares[firstShare].storage)
      shares[firstShare].storage = nil
      firstShare += 1
    }
    meter?.add(-copiedCount)
    if firstShare == shares.count {
      shares.removeAll(keepingCapacity: shares.capacity <= Self.writtenShareCountMax)
      firstShare = 0
    } else if firstShare > Self.writtenShareCountMax, firstShare > shares.count / 2 {
      shares.removeFirst(firstShare)
      firstShare = 0
    }
    if count == 0 { endsShared = false }
  }

  // MARK: The memory of shared bytes

  private func enter(_ storage: ByteString.Storage) {
    guard let meter else { return }
    meter.add(Self.shareOverhead + (storage.enterQueue() ? Self.size(of: storage) : 0))
  }

  private func leave(_ storage: ByteString.Storage?) {
    guard let meter, let storage else { return }
    meter.add(-Self.shareOverhead - (storage.leaveQueue() ? Self.size(of: storage) : 0))
  }

  /// All of it: a part of a block keeps the whole block.
  private static func size(of storage: ByteString.Storage) -> Int { unsafe logs_allocated_size(storage.base) }
}
