package import LogsWire

/// The streams that the server writes itself. Clients only read them.
package enum OwnStreams {
  /// Who has deleted what.
  package static let audit = StreamName(stored: "$audit")
  /// The server's own log.
  package static let log = StreamName(stored: "$logsd")
  /// The source of their entries.
  package static let source = ByteString("logsd")

  /// What is kept of them where no other rule matches: an audit outlives the entries that it is about, and neither
  /// fills a disk by itself.
  package static let rules = [
    RetentionRule(pattern: pattern(log), ageMax: .seconds(14 * 86_400), byteCountMax: 64 << 20),
    RetentionRule(pattern: pattern(audit), ageMax: .seconds(400 * 86_400)),
  ]

  private static func pattern(_ name: StreamName) -> StreamPattern {
    do throws(LogError) { return try StreamPattern(name.text) } catch {
      preconditionFailure("a name is a pattern: \(error)")
    }
  }
}
