internal import Glibc

/// An address, or all that begin with the same bits: `10.0.0.1`, `10.0.0.0/8`, `fd00::/8`.
struct AddressRange: Hashable, Sendable, CustomStringConvertible {
  let description: String
  private let bytes: [UInt8]
  /// How many of the first bits count.
  private let bitCount: Int

  init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), let bytes = Self.bytes(parts[0]) else { return nil }
    let isShort = !parts[0].contains(":")
    let bitCountMax = isShort ? 32 : 128
    var bitCount = bitCountMax
    if parts.count == 2 {
      guard let count = Int(parts[1]), (0...bitCountMax).contains(count) else { return nil }
      bitCount = count
    }
    description = String(text)
    self.bytes = bytes
    self.bitCount = isShort ? bitCount + 96 : bitCount
  }

  /// - Parameter address: may be in brackets, as before a port.
  func contains(_ address: some StringProtocol) -> Bool {
    guard let other = Self.bytes(address) else { return false }
    let whole = bitCount / 8
    guard other[..<whole] == bytes[..<whole] else { return false }
    let rest = bitCount % 8
    return rest == 0 || (other[whole] ^ bytes[whole]) >> (8 - rest) == 0
  }

  static func isAddress(_ text: some StringProtocol) -> Bool { bytes(text) != nil }

  /// As IPv6 has it: addresses of IPv4 are a part of those.
  private static func bytes(_ text: some StringProtocol) -> [UInt8]? {
    let isBracketed = text.hasPrefix("[") && text.hasSuffix("]")
    let plain = isBracketed ? String(text.dropFirst().dropLast()) : String(text)
    var bytes = [UInt8](repeating: 0, count: 16)
    let isLong = unsafe inet_pton(AF_INET6, plain, &bytes) == 1
    if isLong { return bytes }
    var short = [UInt8](repeating: 0, count: 4)
    guard !isBracketed, unsafe inet_pton(AF_INET, plain, &short) == 1 else { return nil }
    return [UInt8](repeating: 0, count: 10) + [0xff, 0xff] + short
  }
}
