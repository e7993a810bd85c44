internal import Glibc

/// A growing run of bytes that becomes a `ByteString` without a copy. Integers are written little-endian.
@safe package struct ByteWriter: ~Copyable {
  private var base: UnsafeMutableRawPointer
  private var capacity: Int
  package private(set) var count = 0

  /// An empty writer with room for `capacity` bytes.
  package init(capacity: Int = 256) {
    self.capacity = max(capacity, 1)
    unsafe base = Self.allocate(self.capacity)
  }

  deinit { unsafe free(base) }

  private static func allocate(_ capacity: Int) -> UnsafeMutableRawPointer {
    guard let base = unsafe malloc(capacity) else { outOfMemory(capacity, for: "frames and batches") }
    return unsafe base
  }

  /// Makes room for `additional` more bytes.
  package mutating func reserve(_ additional: Int) {
    if additional > capacity - count { grow(additional) }
  }

  /// Separate, so that the check before every write is small enough to be inlined.
  @inline(never)
  private mutating func grow(_ additional: Int) {
    capacity = max(count + additional, capacity * 2)
    guard let grown = unsafe realloc(base, capacity) else { outOfMemory(capacity, for: "frames and batches") }
    unsafe base = grown
  }

  package mutating func append(_ byte: UInt8) {
    reserve(1)
    unsafe base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
    count += 1
  }

  package mutating func append(_ span: RawSpan) {
    guard span.byteCount > 0 else { return }
    reserve(span.byteCount)
    unsafe span.withUnsafeBytes { bytes in
      guard let source = bytes.baseAddress else { return }
      unsafe memcpy(base + count, source, bytes.count)
    }
    count += span.byteCount
  }

  package mutating func append(_ other: borrowing ByteWriter) { append(other.span) }

  package mutating func append(_ bytes: ByteString) { append(bytes.span) }

  /// The text's UTF-8, without an extra copy if Swift stores it as UTF-8.
  package mutating func append(utf8 text: String) {
    var text = text
    text.withUTF8 { bytes in append(unsafe bytes.span.bytes) }
  }

  package mutating func append(u16 value: UInt16) { store(value.littleEndian) }
  package mutating func append(u32 value: UInt32) { store(value.littleEndian) }
  package mutating func append(u64 value: UInt64) { store(value.littleEndian) }
  package mutating func append(i64 value: Int64) { store(value.littleEndian) }

  /// LEB128: seven bits per byte, low bits first.
  package mutating func append(varint value: UInt64) {
    reserve(10)
    var rest = value
    while rest >= 0x80 {
      unsafe base.storeBytes(of: UInt8(truncatingIfNeeded: rest) | 0x80, toByteOffset: count, as: UInt8.self)
      count += 1
      rest >>= 7
    }
    unsafe base.storeBytes(of: UInt8(truncatingIfNeeded: rest), toByteOffset: count, as: UInt8.self)
    count += 1
  }

  /// Zigzag: 0, -1, 1, -2 become 0, 1, 2, 3, then LEB128.
  package mutating func append(zigzag value: Int64) {
    append(varint: UInt64(bitPattern: (value << 1) ^ (value >> 63)))
  }

  package mutating func append(zeros: Int) {
    reserve(zeros)
    unsafe memset(base + count, 0, zeros)
    count += zeros
  }

  /// Overwrites four bytes written earlier, once their value is known.
  package mutating func overwrite(u32 value: UInt32, at offset: Int) {
    overwriteInteger(value.littleEndian, at: offset)
  }
  package mutating func overwrite(u64 value: UInt64, at offset: Int) {
    overwriteInteger(value.littleEndian, at: offset)
  }
  package mutating func overwrite(u16 value: UInt16, at offset: Int) {
    overwriteInteger(value.littleEndian, at: offset)
  }

  package mutating func overwrite(_ value: UInt8, at offset: Int) { overwriteInteger(value, at: offset) }

  /// Overwrites bytes written earlier.
  package mutating func overwrite(_ span: RawSpan, at offset: Int) {
    precondition(offset >= 0 && offset + span.byteCount <= count, "only what was written is overwritten")
    unsafe span.withUnsafeBytes { bytes in
      guard let source = bytes.baseAddress else { return }
      unsafe memcpy(base + offset, source, bytes.count)
    }
  }

  private mutating func overwriteInteger<Integer: FixedWidthInteger & BitwiseCopyable>(_ value: Integer, at offset: Int)
  {
    precondition(offset >= 0 && offset + MemoryLayout<Integer>.size <= count, "only what was written is overwritten")
    unsafe base.storeBytes(of: value, toByteOffset: offset, as: Integer.self)
  }

  private mutating func store<Integer: FixedWidthInteger & BitwiseCopyable>(_ value: Integer) {
    reserve(MemoryLayout<Integer>.size)
    unsafe base.storeBytes(of: value, toByteOffset: count, as: Integer.self)
    count += MemoryLayout<Integer>.size
  }

  /// Makes room for `capacity` bytes and lets `body` write into them; it returns how many it wrote.
  ///
  /// - Returns: whether `body` succeeded; nothing is appended if it returns nil.
  package mutating func append(upTo capacity: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int?) -> Bool {
    reserve(capacity)
    guard let written = unsafe body(UnsafeMutableRawBufferPointer(start: base + count, count: capacity)) else {
      return false
    }
    precondition(written >= 0 && written <= capacity, "a body writes into the room it was given")
    count += written
    return true
  }

  /// What has been written so far, for reading in place.
  package var span: RawSpan {
    @_lifetime(borrow self) get {
      let span = unsafe RawSpan(_unsafeStart: base, byteCount: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Empties the writer, but keeps its memory.
  package mutating func removeAll() { count = 0 }

  /// The written bytes, without a copy: the memory now belongs to the result.
  package consuming func finish() -> ByteString {
    let storage = unsafe ByteString.Storage(adopting: base)
    let count = count
    discard self
    return ByteString(storage: storage, start: 0, count: count)
  }
}
