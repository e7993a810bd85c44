internal import LogsWire
internal import Synchronization

/// Secrets that stand for the access of the client that asked for them, for a time. Only their hashes are kept.
///
/// A pass ends with the token that it was made with: users of its access look at that (`AccessControl.refusal`).
final class PassTable: Sendable {
  struct Pass: Sendable {
    let access: AccessControl.Access
    /// The host that it was made for, where that matters.
    var host: String?
    fileprivate var expires: MonotonicTime
  }

  private let passes = Mutex<[TokenHash: Pass]>([:])
  let prefix: String
  let duration: Duration
  let countMax: Int
  /// How many of them one name may have: for one more its oldest one ends. So nobody can take all.
  let nameCountMax: Int

  init(prefix: String, duration: Duration, countMax: Int, nameCountMax: Int) {
    self.prefix = prefix
    self.duration = duration
    self.countMax = countMax
    self.nameCountMax = nameCountMax
  }

  /// - Returns: the secret; nil if there are as many passes as there may be.
  func make(for access: AccessControl.Access, host: String? = nil, now: MonotonicTime) -> String? {
    let secret = TokenSecret.random(prefix)
    return passes.withLock { passes in
      passes = passes.filter { now < $0.value.expires }
      let own = passes.filter { $0.value.access.name == access.name }
      if own.count >= nameCountMax, let oldest = own.min(by: { $0.value.expires < $1.value.expires }) {
        passes[oldest.key] = nil
      }
      guard passes.count < countMax else { return nil }
      passes[TokenHash(of: secret)] = Pass(access: access, host: host, expires: now + duration)
      return secret
    }
  }

  func find(_ hash: TokenHash, now: MonotonicTime) -> Pass? {
    passes.withLock { passes in passes[hash].flatMap { now < $0.expires ? $0 : nil } }
  }

  /// Finds it for the last time.
  func take(_ hash: TokenHash, now: MonotonicTime) -> Pass? {
    let pass = passes.withLock { $0.removeValue(forKey: hash) }
    return pass.flatMap { now < $0.expires ? $0 : nil }
  }
}

extension PassTable {
  /// For addresses that a browser opens without headers of its own: each counts once.
  static func tickets() -> PassTable {
    PassTable(prefix: "lgt_", duration: .seconds(30), countMax: 4_096, nameCountMax: 1_024)
  }

  /// For browsers.
  static func sessions() -> PassTable {
    PassTable(prefix: "", duration: .seconds(12 * 3_600), countMax: 4_096, nameCountMax: 256)
  }
}
