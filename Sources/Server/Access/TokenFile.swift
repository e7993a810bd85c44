internal import Glibc
internal import LogsSystem
internal import LogsText

/// The file of a data directory that holds the tokens: a line for each secret, with its hash and no secret.
///
///     ci 9f86d0... 2026-11-28T10:00:00.000000000Z 2027-02-26T10:00:00.000000000Z append:ci/* read:ci/*
///
/// Name, SHA-256 of the secret, when it was made, when it expires or `-`, and what it allows. `logsd token` replaces
/// the file as a whole; a running server reads it again. Where there is none, nobody needs a token.
struct TokenFile: Sendable {
  static let name = "tokens"
  static let tokenCountMax = 10_000
  private static let heading = "# The tokens of this server. Only hashes are stored; change them with: logsd token"
  private static let files = PosixFileSystem(readableBy: .nobody)

  let directory: String

  var path: String { "\(directory)/\(Self.name)" }

  /// Which content it has, without reading it: changes with each replacement.
  struct Stamp: Hashable, Sendable {
    let inode: UInt64
    let byteCount: Int
    let modified: Int64
  }

  /// nil if it does not exist.
  var stamp: Stamp? {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return nil }
    return Stamp(
      inode: UInt64(status.st_ino), byteCount: Int(status.st_size),
      modified: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec))
  }

  /// - Returns: nil if it does not exist.
  /// - Throws: why it cannot be read, or which line is wrong.
  func read() throws(SettingError) -> [Token]? {
    var status = stat()
    if unsafe stat(path, &status) == 0, status.st_mode & 0o022 != 0 {
      throw SettingError("others can write to \(path), and give themselves rights; chmod 600 \(path)")
    }
    let content: [UInt8]?
    do { content = try Self.files.read(path) } catch { throw Self.failure(error) }
    guard let content else { return nil }
    var tokens: [Token] = []
    for (index, line) in content.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
      let text = String(decoding: line, as: UTF8.self)
      if text.isEmpty || text.hasPrefix("#") { continue }
      do { tokens.append(try Self.token(text)) } catch {
        throw SettingError("\(path):\(index + 1): \(error.description); restore the line, or remove it")
      }
    }
    return tokens
  }

  private static func token(_ line: String) throws(SettingError) -> Token {
    let words = line.split(separator: " ").map(String.init)
    guard words.count >= 5 else { throw SettingError("the line is not of the form NAME HASH CREATED EXPIRES RIGHTS") }
    try Token.check(name: words[0])
    guard let hash = TokenHash(hexadecimal: words[1]) else { throw SettingError("the hash has not 64 digits") }
    guard let created = TimeText.parse(words[2], now: 0) else { throw SettingError("'\(words[2])' is no time") }
    var expires: Int64?
    if words[3] != "-" {
      guard let time = TimeText.parse(words[3], now: 0) else { throw SettingError("'\(words[3])' is no time") }
      expires = time
    }
    var grants: [Rights.Grant] = []
    for word in words[4...] { grants.append(try Rights.Grant(word)) }
    return Token(name: words[0], hash: hash, created: created, expires: expires, grants: grants)
  }

  /// Changes the tokens, with no other process changing them meanwhile.
  ///
  /// - Throws: what `body` throws, or why the file cannot be read or written.
  func change<Result>(
    _ body: (inout [Token]) throws(SettingError) -> Result
  ) throws(SettingError) -> Result {
    let lock: FileLock?
    do { lock = try Self.files.lock("\(path).lock") } catch { throw Self.failure(error) }
    guard let lock else { throw SettingError("another logsd token is changing \(path); try again") }
    defer { withExtendedLifetime(lock) {} }
    var tokens = try read() ?? []
    let result = try body(&tokens)
    guard tokens.count <= Self.tokenCountMax else {
      throw SettingError("there are \(Self.tokenCountMax) tokens, which is the limit; revoke some")
    }
    let text = ([Self.heading] + tokens.map(Self.line)).joined(separator: "\n") + "\n"
    do {
      try Self.files.replace(path, temporary: "\(path).new") { _ in Array(text.utf8) }
      try Self.files.synchronize(directory: directory)
    } catch { throw Self.failure(error) }
    return result
  }

  private static func failure(_ error: FileError) -> SettingError {
    SettingError("\(error.operation) of \(error.path) failed: \(error.text)")
  }

  private static func line(_ token: Token) -> String {
    let expires = token.expires.map(Timestamp.rfc3339) ?? "-"
    let grants = token.grants.map(\.description).joined(separator: " ")
    return "\(token.name) \(token.hash.hexadecimal) \(Timestamp.rfc3339(token.created)) \(expires) \(grants)"
  }
}
