internal import CSystem
internal import Glibc

/// Zeros in files: room that a writer has reserved, or a hole.
enum FileZeros {
  enum Next {
    /// Nothing but zeros up to the end.
    case end
    /// Where the next byte is that is none.
    case data(UInt64)
    /// Zeros up to here; it may be looked on.
    case more(UInt64)
  }

  /// The bytes without the zeros at their end.
  static func without(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard bytes.last == 0 else { return bytes }
    let end = bytes.lastIndex { $0 != 0 }.map { $0 + 1 } ?? bytes.startIndex
    return bytes[..<end]
  }

  /// What is behind a place up to which there are zeros: holes that the file system knows cost nothing, of others one
  /// turn's worth is read.
  static func behind(_ descriptor: Int32, _ place: UInt64, _ size: UInt64) -> Next {
    guard place < size else { return .end }
    let next = logs_next_data(descriptor, Int64(clamping: place))
    guard next >= 0, UInt64(next) < size else { return .end }
    let start = max(place, UInt64(next))
    let bytes = FileSource.bytes(descriptor, start, Shipment.turnByteCount)
    if let index = bytes.firstIndex(where: { $0 != 0 }) { return .data(start + UInt64(index)) }
    let end = start + UInt64(bytes.count)
    return bytes.isEmpty || end >= size ? .end : .more(end)
  }

  /// The end of what is no zero before a place.
  static func dataEnd(_ descriptor: Int32, before size: UInt64) -> UInt64 {
    guard size > 0, FileSource.bytes(descriptor, size - 1, 1) == [0] else { return size }
    var (low, high): (UInt64, UInt64) = (0, size)
    while high - low > UInt64(Shipment.turnByteCount) {
      let middle = low + (high - low) / 2
      if logs_next_data(descriptor, Int64(clamping: middle)) >= 0 { low = middle } else { high = middle }
    }
    // Zeros that were written are read, backwards.
    for _ in 0..<blockCountMax where high > 0 {
      let start = high - min(high, UInt64(Shipment.turnByteCount))
      let bytes = FileSource.bytes(descriptor, start, Int(high - start))
      if let index = bytes.lastIndex(where: { $0 != 0 }) { return start + UInt64(index) + 1 }
      high = start
    }
    return high
  }

  /// 64 MiB of zeros are looked through; what is before them is taken for read.
  private static let blockCountMax = 1_024
}
