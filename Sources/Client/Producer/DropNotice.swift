internal import LogsWire

/// The entry that stands in a stream where entries were dropped, so that nobody takes the stream for whole.
struct DropNotice: Hashable {
  private static let countKey = "logs.dropped"
  private static let reasonKey = "logs.reason"

  var entryCount: UInt64
  var reason: DropReason

  var text: String { "\(entryCount) \(entryCount == 1 ? "entry" : "entries") dropped: \(reason.rawValue)" }

  init(entryCount: UInt64, reason: DropReason) {
    self.entryCount = entryCount
    self.reason = reason
  }

  /// Reads a notice back; nil when the content is anything else.
  init?(_ content: AppendLane.Content) {
    guard case .batch(let bytes, 1) = content else { return nil }
    var decoder = BatchDecoder()
    var attributes: [Attribute] = []
    do throws(DecodingError) {
      let batch = try Batch(wholeOf: bytes)
      // A batch of many entries is no notice, and not worth decoding.
      guard batch.header.count == 1 else { return nil }
      attributes = try decoder.entries(of: batch).first?.attributes ?? []
    } catch { return nil }
    guard attributes.map(\.key) == [Self.countKey, Self.reasonKey], case .integer(let count) = attributes[0].value,
      count >= 0, case .string(let word) = attributes[1].value, let reason = DropReason(rawValue: word)
    else { return nil }
    self.init(entryCount: UInt64(count), reason: reason)
  }

  /// The batch that tells it.
  ///
  /// - Parameter time: the entry's, in ns since 1970.
  func content(time: Int64) -> AppendLane.Content {
    let entry = Entry(
      message: Bytes(text), time: time, severity: .warning, source: "logs",
      attributes: [
        Attribute(Self.countKey, .integer(Int64(clamping: entryCount))),
        Attribute(Self.reasonKey, .string(reason.rawValue)),
      ])
    var builder = BatchBuilder()
    do throws(InvalidEntry) { _ = try builder.append(entry) } catch {
      preconditionFailure("a notice fits every batch: \(error)")
    }
    return .batch(builder.finish(compressor: Compressor()).bytes, entryCount: 1)
  }
}
