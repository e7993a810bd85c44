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

  private let pointer: OpaquePointer
  private(set) var count = 0
  /// How many bytes were ever copied in; the others are shared.
  private(set) var copiedByteCount: UInt64 = 0
  private var endsShared = false

  init() {
    guard let buffer = unsafe evbuffer_new() else { preconditionFailure("out of memory: output buffer") }
    unsafe pointer = buffer
  }

  deinit { unsafe evbuffer_free(pointer) }

  var isEmpty: Bool { count == 0 }

  mutating func append(_ bytes: Bytes) {
    if bytes.count < Self.sharedByteCountMin { append(copying: bytes.span) } else { append(sharing: bytes) }
  }

  mutating func append(copying span: RawSpan) {
    guard span.byteCount > 0 else { return }
    let isAdded = unsafe span.withUnsafeBytes { bytes in
      endsShared ? unsafe addBehindShared(bytes) : unsafe evbuffer_add(pointer, bytes.baseAddress, bytes.count) == 0
    }
    precondition(isAdded, "out of memory: output of \(span.byteCount) bytes")
    endsShared = false
    count += span.byteCount
    copiedByteCount += UInt64(span.byteCount)
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
    let status = unsafe bytes.withUnretainedStorage { address, storage in
      // The buffer holds this reference to the storage until it has no more use for the bytes, and then releases it.
      let owner = unsafe Unmanaged.passRetained(storage)
      let status = unsafe evbuffer_add_reference(
        pointer, address, bytes.count,
        { _, _, owner in
          guard let owner = unsafe owner else { return }
          unsafe Unmanaged<Bytes.Storage>.fromOpaque(owner).release()
        }, owner.toOpaque())
      if status != 0 { unsafe owner.release() }
      return status
    }
    precondition(status == 0, "out of memory: output of \(bytes.count) bytes")
    endsShared = true
    count += bytes.count
  }

  /// Writes as much as one `writev(2)` of at most 128 blocks takes. The buffer must not be empty.
  mutating func write(to descriptor: Int32) -> WriteResult {
    let written = unsafe evbuffer_write(pointer, descriptor)
    guard written < 0 else {
      count -= Int(written)
      if count == 0 { endsShared = false }
      return .wrote(Int(written))
    }
    let error = SystemError.last
    return error.number == EAGAIN || error.number == EINTR ? .wouldBlock : .failed(error)
  }

  /// Forgets all bytes.
  mutating func removeAll() {
    precondition(unsafe evbuffer_drain(pointer, count) == 0, "an output buffer is never frozen")
    count = 0
    endsShared = false
  }
}
