internal import COpenSSL
internal import LogsWire

/// The secret that proves a client's rights: `lgs_`, 43 characters drawn at random (256 bits), and 6 that follow from
/// them, so that scanners of source code can tell a token from other text.
enum TokenSecret {
  static let prefix = "lgs_"
  private static let randomCount = 43
  private static let checkCount = 6
  private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

  static func make() -> String {
    let text = random(prefix)
    return text + check(of: text)
  }

  /// 256 bits behind a prefix.
  static func random(_ prefix: String) -> String {
    var system = SystemRandomNumberGenerator()
    let random = (0..<randomCount).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &system)] }
    return prefix + String(decoding: random, as: UTF8.self)
  }

  /// Whether `text` looks like a token, of this server or another one.
  static func isWellFormed(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard text.hasPrefix(prefix), bytes.count == prefix.utf8.count + randomCount + checkCount else { return false }
    return check(of: String(decoding: bytes.dropLast(checkCount), as: UTF8.self))
      == String(decoding: bytes.suffix(checkCount), as: UTF8.self)
  }

  /// The first four bytes of the hash of what comes before, as a number in base 62.
  private static func check(of text: String) -> String {
    var number = TokenHash(of: text).bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
    var digits: [UInt8] = []
    for _ in 0..<checkCount {
      digits.append(alphabet[number % alphabet.count])
      number /= alphabet.count
    }
    return String(decoding: digits.reversed(), as: UTF8.self)
  }
}

/// The SHA-256 of a secret: all that is stored of it.
struct TokenHash: Hashable, Sendable {
  static let byteCount = 32

  let bytes: [UInt8]

  init(of secret: String) {
    let text = Array(secret.utf8)
    var hash = [UInt8](repeating: 0, count: Self.byteCount)
    unsafe _ = SHA256(text, text.count, &hash)
    bytes = hash
  }

  /// - Returns: nil if `text` is no hash in hexadecimal.
  init?(hexadecimal text: some StringProtocol) {
    let digits = text.utf8.map { Character(UnicodeScalar($0)).hexDigitValue }
    guard digits.count == Self.byteCount * 2 else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let high = digits[index], let low = digits[index + 1] else { return nil }
      bytes.append(UInt8(high << 4 | low))
    }
    self.bytes = bytes
  }

  var hexadecimal: String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }

  /// Takes the same time wherever the two differ.
  func isSame(as other: TokenHash) -> Bool { unsafe CRYPTO_memcmp(bytes, other.bytes, Self.byteCount) == 0 }
}

/// One secret of a token, as it is stored.
struct Token: Hashable, Sendable {
  let name: String
  let hash: TokenHash
  /// Wall-clock time, ns since 1970.
  let created: Int64
  /// From this time on it is not valid; nil for never.
  var expires: Int64?
  let grants: [Rights.Grant]

  var rights: Rights { Rights(grants) }

  func isExpired(_ now: Int64) -> Bool { expires.map { $0 <= now } ?? false }

  static let nameByteCountMax = 64

  /// - Throws: what is wrong with the name.
  static func check(name: String) throws(SettingError) {
    let isPlain = name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    guard isPlain, (1...nameByteCountMax).contains(name.utf8.count) else {
      throw SettingError(
        "'\(PrintableText.escaped(name))' is no name for a token: 1 to \(nameByteCountMax) of A-Z a-z 0-9 . _ -")
    }
  }
}
