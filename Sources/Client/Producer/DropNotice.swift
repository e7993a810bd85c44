internal import LogsWire

/// The entry that tells a stream's readers what its producer has dropped.
enum DropNotice {
  /// - Parameter time: when it was noticed, in ns since 1970.
  static func entry(_ count: UInt64, _ reason: DropReason, time: Int64) -> Entry {
    Entry(
      message: Bytes("\(count) \(count == 1 ? "entry" : "entries") dropped: \(reason.rawValue)"), time: time,
      severity: .warning, source: Bytes("logs"),
      attributes: [
        Attribute("logs.dropped", .integer(Int64(clamping: count))),
        Attribute("logs.reason", .string(reason.rawValue)),
      ])
  }

  /// A batch with this entry alone.
  static func batch(_ count: UInt64, _ reason: DropReason, time: Int64) -> AppendLane.Content {
    var builder = BatchBuilder()
    do throws(InvalidEntry) { _ = try builder.append(entry(count, reason, time: time)) } catch {
      preconditionFailure("a notice is a valid entry: \(error)")
    }
    return .batch(builder.finish(compressor: Compressor()).bytes, entryCount: 1)
  }
}
