package import LogsWire

/// How long, or how much, is kept of the streams that a pattern matches.
package struct RetentionRule: Hashable, Sendable {
  package var pattern: StreamPattern
  /// Their entries go once they were received this long ago.
  package var ageMax: Duration?
  /// What the batches of all of them together may take.
  package var byteCountMax: Int?

  package init(pattern: StreamPattern, ageMax: Duration? = nil, byteCountMax: Int? = nil) {
    self.pattern = pattern
    self.ageMax = ageMax
    self.byteCountMax = byteCountMax
  }

  /// Less is trimmed at once than would have to be a moment later.
  var targetByteCount: UInt64 { UInt64(byteCountMax.map { $0 - $0 / Self.slackDivisor } ?? .max) }
  private static let slackDivisor = 16
}

/// What retention removes of single streams at once.
struct StreamTrim: Sendable {
  struct Part: Hashable, Sendable {
    /// Everything up to this number goes.
    var through: UInt64
    /// What all batches up to there took since the stream was created.
    var byteCount: UInt64
  }

  let rule: RetentionRule
  let reason: Trim.Reason
  /// By the ids of the streams.
  let parts: [Int64: Part]
}
