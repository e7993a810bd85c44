internal import CEvent
internal import Glibc
internal import LogsWire

/// Bytes waiting to be written: libevent's `evbuffer`, a chain of memory blocks that are copied in or shared.
@safe struct OutputBuffer: ~Copyable {
  enum WriteResult {
    case wrote(Int)
    case wouldBlock
    case failed(SystemError)
  }

  /// From this size on, sharing costs less than copying.
  static let sharedByteCountMin = 1024

  /// Shared bytes, by their places in all that was ever queued. `evbuffer` knows addresses; what is at them is kept alive here.
  private struct Share {
    /// nil once they are written.
    var storage: Bytes.Storage?
    let start: UInt64
    let end: UInt64
  }

  /// What `evbuffer` takes for a share and for the header before it, which has a block of its own.
  private static let shareOverhead = 1_136

  private let pointer: OpaquePointer
  private let meter: OutputMeter?
  private(set) var count = 0
  /// How many bytes were ever copied in; the others are shared.
  private(set) var copiedByteCount: UInt64 = 0
  private var shares: ArraySlice<Share> = []
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
    let copiedCount = count - shares.reduce(0) { $0 + Int($1.end - max($1.start, position)) }
    meter?.add(-copiedCount)
    for share in shares { leave(share.storage) }
  }

  var isEmpty: Bool { count == 0 }

  mutating func append(_ bytes: Bytes) {
    if bytes.count < Self.sharedByteCountMin { append(copying: bytes.span) } else { append(sharing: bytes) }
  }

  mutating func append(copying span: RawSpan) {
    guard span.byteCount > 0 else { return }
    let isAdded = unsafe span.withUnsafeBytes { bytes in
      endsShared ? unsafe addBehindShared(bytes) : unsafe evbuffer_add(pointer, bytes.baseAddress, bytes.count) == 0
    }
    if !isAdded { outOfMemory(span.byteCount, for: "output") }
    endsShared = false
    count += span.byteCount
    copiedByteCount += UInt64(span.byteCount)
    meter?.add(span.byteCount)
  }

  /// `evbuffer_add` makes a block twice as large as the one before, up to 4 KiB, for a header of 40 bytes behind a shared
  /// batch; reserving makes the smallest.
  private func addBehindShared(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var room = unsafe iovec()
    guard unsafe evbuffer_reserve_space(pointer, bytes.count, &room, 1) == 1, let source = bytes.baseAddress else {
      return false
    }
    unsafe memcpy(room.iov_base, source, bytes.count)
    unsafe room.iov_len = bytes.count
    return unsafe evbuffer_commit_space(pointer, &room, 1) == 0
  }

  private mutating func append(sharing bytes: Bytes) {
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
  mutating func write(to descriptor: Int32) -> WriteResult {
    let written = unsafe evbuffer_write(pointer, descriptor)
    guard written < 0 else {
      forget(Int(written))
      return .wrote(Int(written))
    }
    let error = SystemError.last
    return error.number == EAGAIN || error.number == EINTR ? .wouldBlock : .failed(error)
  }

  /// Forgets all bytes.
  mutating func removeAll() {
    precondition(unsafe evbuffer_drain(pointer, count) == 0, "an output buffer is never frozen")
    forget(count)
  }

  /// `evbuffer` has no more use for the first bytes.
  private mutating func forget(_ byteCount: Int) {
    let before = position
    position += UInt64(byteCount)
    count -= byteCount
    var copiedCount = byteCount
    while let share = shares.first {
      if share.start < position { copiedCount -= Int(min(share.end, position) - max(share.start, before)) }
      guard share.end <= position else { break }
      leave(share.storage)
      // A slice keeps what was taken from its front.
      shares[shares.startIndex].storage = nil
      shares.removeFirst()
    }
    meter?.add(-copiedCount)
    if count == 0 {
      endsShared = false
      shares = []
    }
  }

  // MARK: What shared bytes take

  private func enter(_ storage: Bytes.Storage) {
    guard let meter else { return }
    meter.add(Self.shareOverhead + (storage.enterQueue() ? Self.size(of: storage) : 0))
  }

  private func leave(_ storage: Bytes.Storage?) {
    guard let meter, let storage else { return }
    meter.add(-Self.shareOverhead - (storage.leaveQueue() ? Self.size(of: storage) : 0))
  }

  /// All of it: a part of a block keeps the block.
  private static func size(of storage: Bytes.Storage) -> Int { unsafe logs_allocated_size(storage.base) }
}
