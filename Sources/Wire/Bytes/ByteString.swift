internal import Glibc
internal import Synchronization

/// Immutable bytes, shared by reference: copies and slices cost one reference count and no memory.
///
/// A batch is compressed once and then passed from the socket to SQLite and to every follower as one of these.
public struct ByteString: Sendable {
  /// Owns the memory and frees it with the last slice.
  ///
  /// Invariant behind `@unchecked Sendable`: nobody writes to the memory once a `ByteString` has been made over it.
  @safe package final class Storage: @unchecked Sendable {
    package let base: UnsafeMutableRawPointer
    /// How many output queues wait to send it; its memory counts once for all of them.
    private let queueCount = Atomic<Int>(0)

    init(adopting base: UnsafeMutableRawPointer) { unsafe self.base = base }

    /// A queue takes it in.
    ///
    /// - Returns: whether it is the first one.
    package func enterQueue() -> Bool { queueCount.wrappingAdd(1, ordering: .relaxed).oldValue == 0 }

    /// A queue releases it.
    ///
    /// - Returns: whether it was the last one.
    package func leaveQueue() -> Bool { queueCount.wrappingSubtract(1, ordering: .relaxed).newValue == 0 }

    deinit { unsafe free(base) }
  }

  private let storage: Storage
  private let start: Int

  /// The number of bytes.
  public let count: Int

  init(storage: Storage, start: Int, count: Int) {
    self.storage = storage
    self.start = start
    self.count = count
  }

  /// No bytes.
  public init() { self = Self.none }

  private static let none = ByteWriter(capacity: 0).finish()

  /// A copy of `span`.
  public init(copying span: RawSpan) {
    var writer = ByteWriter(capacity: span.byteCount)
    writer.append(span)
    self = writer.finish()
  }

  /// A copy of `bytes`.
  public init(_ bytes: [UInt8]) { self.init(copying: unsafe bytes.span.bytes) }

  /// The UTF-8 form of `text`.
  public init(_ text: String) { self.init(Array(text.utf8)) }

  public var isEmpty: Bool { count == 0 }

  /// The bytes, for reading in place.
  public var span: RawSpan {
    @_lifetime(borrow self) get {
      // The storage lives as long as `self`, which the span borrows.
      let span = unsafe RawSpan(_unsafeStart: storage.base + start, byteCount: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// The part of these bytes in `range`, sharing their memory.
  public subscript(range: Range<Int>) -> ByteString {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "a slice must lie inside its bytes")
    return ByteString(storage: storage, start: start + range.lowerBound, count: range.count)
  }

  /// Whether both are the same piece of memory.
  package func isIdentical(to other: ByteString) -> Bool {
    storage === other.storage && start == other.start && count == other.count
  }

  /// The byte at `index`.
  public subscript(index: Int) -> UInt8 {
    precondition(index >= 0 && index < count, "an index must lie inside its bytes")
    return unsafe storage.base.load(fromByteOffset: start + index, as: UInt8.self)
  }

  /// Calls `body` with the address of the bytes, valid only during the call.
  public func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try unsafe body(UnsafeRawBufferPointer(start: storage.base + start, count: count))
  }

  /// The address and owner of the bytes, for C code that keeps the owner for as long as it reads the address.
  package func withUnretainedStorage<Result>(_ body: (UnsafeRawPointer, Storage) -> Result) -> Result {
    unsafe body(UnsafeRawPointer(storage.base + start), storage)
  }

  /// The bytes as text; bytes that are not UTF-8 become U+FFFD.
  public var text: String { unsafe withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) } }

  /// A copy as an array.
  public var array: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }
}

extension ByteString: Hashable {
  public static func == (left: ByteString, right: ByteString) -> Bool { left.span.isEqual(to: right.span) }

  public func hash(into hasher: inout Hasher) {
    unsafe withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
  }
}

extension ByteString: ExpressibleByStringInterpolation, CustomStringConvertible {
  public init(stringLiteral value: String) { self.init(value) }

  /// Same as `text`.
  public var description: String { text }
}

extension RawSpan {
  /// Whether both spans hold the same bytes.
  package func isEqual(to other: RawSpan) -> Bool {
    guard byteCount == other.byteCount else { return false }
    return unsafe withUnsafeBytes { left in
      unsafe other.withUnsafeBytes { right in
        guard let left = left.baseAddress, let right = right.baseAddress else { return true }
        return unsafe memcmp(left, right, byteCount) == 0
      }
    }
  }
}
