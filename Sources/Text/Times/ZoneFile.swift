/// The rules of a time zone as the system's database has them (TZif: RFC 9636).
package struct ZoneFile: Sendable {
  /// From when each offset holds, in seconds since 1970, in ascending order.
  private var transitions: [Int64] = []
  /// Seconds east of UTC, before the first transition and from each of them on.
  private var offsets: [Int] = []
  /// What holds after the last transition.
  private var last: YearlyZone?

  /// nil if it is not such a file of version 2 or later.
  package init?(_ bytes: [UInt8]) {
    let span = unsafe bytes.span.bytes
    guard let first = Header(span, at: 0), first.version >= UInt8(ascii: "2"),
      let header = Header(span, at: Header.byteCount + first.bodyByteCount(timeByteCount: 4))
    else { return nil }
    let start = header.start + Header.byteCount
    let end = start + header.bodyByteCount(timeByteCount: 8)
    guard end <= span.byteCount, header.typeCount > 0 else { return nil }
    let indices = start + header.timeCount * 8
    let types = indices + header.timeCount
    func offset(_ type: Int) -> Int? {
      guard type < header.typeCount else { return nil }
      return Int(Int32(truncatingIfNeeded: Self.integer(span, at: types + type * 6, byteCount: 4)))
    }
    guard let initial = offset(0) else { return nil }
    offsets.append(initial)
    for index in 0..<header.timeCount {
      guard let offset = offset(Int(Self.integer(span, at: indices + index, byteCount: 1))) else { return nil }
      transitions.append(Self.integer(span, at: start + index * 8, byteCount: 8))
      offsets.append(offset)
    }
    let footer = bytes[end...].dropFirst().prefix { $0 != UInt8(ascii: "\n") }
    last = YearlyZone(Array(footer))
  }

  /// Seconds east of UTC at a time in seconds since 1970.
  func offset(at second: Int64) -> Int {
    if let last, second >= transitions.last ?? .min { return last.offset(at: second) }
    var (low, high) = (0, transitions.count)
    while low < high {
      let middle = (low + high) / 2
      if transitions[middle] <= second { low = middle + 1 } else { high = middle }
    }
    return offsets[low]
  }

  private struct Header {
    static let byteCount = 44

    let start: Int
    let version: UInt8
    let (utcCount, standardCount, leapCount, timeCount, typeCount, nameByteCount): (Int, Int, Int, Int, Int, Int)

    init?(_ span: RawSpan, at start: Int) {
      guard start + Self.byteCount <= span.byteCount,
        ZoneFile.integer(span, at: start, byteCount: 4) == 0x545a_6966  // TZif
      else { return nil }
      self.start = start
      version = UInt8(ZoneFile.integer(span, at: start + 4, byteCount: 1))
      func count(_ index: Int) -> Int { Int(ZoneFile.integer(span, at: start + 20 + index * 4, byteCount: 4)) }
      (utcCount, standardCount, leapCount) = (count(0), count(1), count(2))
      (timeCount, typeCount, nameByteCount) = (count(3), count(4), count(5))
    }

    func bodyByteCount(timeByteCount: Int) -> Int {
      timeCount * (timeByteCount + 1) + typeCount * 6 + nameByteCount + leapCount * (timeByteCount + 4) + standardCount
        + utcCount
    }
  }

  /// A number in network order.
  private static func integer(_ span: RawSpan, at offset: Int, byteCount: Int) -> Int64 {
    var value: UInt64 = 0
    for index in offset..<offset + byteCount {
      value = value << 8 | UInt64(unsafe span.unsafeLoad(fromByteOffset: index, as: UInt8.self))
    }
    return Int64(bitPattern: value)
  }
}
