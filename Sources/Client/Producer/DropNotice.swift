internal import LogsSystem
internal import LogsText
internal import LogsWire

/// The entry that takes the place of dropped entries in a stream, so that the stream does not look complete.
struct DropNotice: Hashable {
  private static let countKey = "logs.dropped"
  private static let reasonKey = "logs.reason"

  var entryCount: UInt64
  var reason: DropReason

  var text: String { "\(Figures.count(entryCount, "entry", "entries")) dropped: \(reason.rawValue)" }

  init(entryCount: UInt64, reason: DropReason) {
    self.entryCount = entryCount
    self.reason = reason
  }

  /// Reads a notice back; nil if the entry is not one.
  init?(_ entry: LogEntry) {
    let attributes = entry.attributes
    guard attributes.map(\.key) == [Self.countKey, Self.reasonKey], case .integer(let count) = attributes[0].value,
      count >= 0, case .string(let word) = attributes[1].value, let reason = DropReason(rawValue: word)
    else { return nil }
    self.init(entryCount: UInt64(count), reason: reason)
  }

  /// The notices in a batch.
  static func all(in content: AppendLane.Content) -> [DropNotice] {
    guard case .batch(let bytes, _) = content else { return [] }
    var decoder = BatchDecoder()
    do throws(WireDecodingError) {
      return try decoder.entries(of: Batch(wholeOf: bytes)).compactMap { DropNotice($0) }
    } catch { return [] }
  }

  /// - Parameter time: in ns since 1970.
  func entry(time: Int64) -> LogEntry {
    LogEntry(
      message: ByteString(text), time: time, severity: .warning, source: "logs",
      attributes: [
        LogAttribute(Self.countKey, .integer(Int64(clamping: entryCount))),
        LogAttribute(Self.reasonKey, .string(reason.rawValue)),
      ])
  }

  /// The batch with this notice.
  ///
  /// - Parameter time: the entry's, in ns since 1970.
  func content(time: Int64) -> AppendLane.Content {
    var builder = BatchBuilder(seed: HashSeed.process)
    do throws(InvalidEntry) { _ = try builder.append(entry(time: time)) } catch {
      preconditionFailure("a notice fits every batch: \(error)")
    }
    return .batch(builder.finish(compressor: Compressor()).bytes, entryCount: 1)
  }
}
