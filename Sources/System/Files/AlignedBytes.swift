internal import Glibc

/// Memory that a file can be written from past the page cache. For one thread at a time.
///
/// Invariant behind `@unchecked Sendable`: its owner gives it to one thread at a time.
@safe package final class AlignedBytes: @unchecked Sendable {
  package let byteCount: Int
  private let base: UnsafeMutableRawPointer

  /// What every device takes.
  private static let alignment = 4096

  /// - Parameter byteCount: a multiple of 4,096.
  package init(byteCount: Int) {
    self.byteCount = byteCount
    guard let memory = unsafe aligned_alloc(Self.alignment, byteCount) else {
      preconditionFailure("the system has no \(byteCount) bytes of memory left")
    }
    unsafe base = memory
    unsafe memset(memory, 0, byteCount)
  }

  deinit { unsafe free(base) }

  package func copy(_ bytes: RawSpan, to offset: Int) {
    precondition(offset >= 0 && offset + bytes.byteCount <= byteCount, "it has room for the bytes")
    unsafe bytes.withUnsafeBytes { source in
      if let start = source.baseAddress { unsafe memcpy(base + offset, start, source.count) }
    }
  }

  /// Fills a range with zeros.
  package func clear(_ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "it has these bytes")
    unsafe memset(base + range.lowerBound, 0, range.count)
  }

  package func withBytes<Result>(_ count: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    precondition(count >= 0 && count <= byteCount, "it has these bytes")
    return unsafe body(UnsafeRawBufferPointer(start: base, count: count))
  }
}
