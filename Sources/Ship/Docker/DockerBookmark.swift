internal import LogsWire

/// How far a container's log has been shipped.
struct DockerBookmark: Equatable {
  /// Where its lines go.
  var stream: String
  /// Whether it was said that the log cannot be read.
  var isUnreadable = false
  var output = ShippedLines()
  var errors = ShippedLines()

  private static let version: UInt8 = 2
  /// How far the lines of stdout and stderr may be out of the order of their times.
  static let skewNanoseconds: Int64 = 60_000_000_000
  /// Asked for once more, so that lines are found behind the last shipped one even if the clock was set back.
  static let marginNanoseconds: Int64 = 2_000_000_000

  /// Each section has bookmarks of its own, also of the same container.
  static func keyPrefix(_ section: String) -> String { "docker container \(section) " }

  static func key(_ id: String, _ section: String) -> String { keyPrefix(section) + id }

  init(stream: String) { self.stream = stream }

  var isEmpty: Bool { output.last == nil && errors.last == nil }

  /// The time from which the engine must send lines; nil for all.
  ///
  /// 2 s before the earlier of both streams. A stream that is quiet, or has never had a line, does not make the engine
  /// send more than the last minute of the other one: that far apart lines of the same time are never stored.
  var since: Int64? {
    let floors = [floor(of: output, beside: errors), floor(of: errors, beside: output)].compactMap { $0 }
    return floors.min().map { $0 - Self.marginNanoseconds }
  }

  private func floor(of lines: ShippedLines, beside other: ShippedLines) -> Int64? {
    guard let otherLast = other.last else { return lines.floor }
    return max(lines.floor ?? .min, otherLast - Self.skewNanoseconds)
  }

  mutating func prune() {
    output.prune()
    errors.prune()
  }

  /// At most 37 KB and the name.
  func encoded() -> ByteString {
    var writer = ByteWriter()
    writer.append(Self.version)
    writer.append(varint: UInt64(stream.utf8.count))
    writer.append(utf8: stream)
    writer.append(isUnreadable ? 1 : 0)
    output.encode(to: &writer)
    errors.encode(to: &writer)
    return writer.finish()
  }

  /// - Returns: nil for what is no bookmark of a container.
  init?(_ bytes: ByteString) {
    do throws(WireDecodingError) {
      var reader = ByteReader(bytes.span)
      guard try reader.u8() == Self.version else { return nil }
      let streamByteCount = try reader.length()
      stream = ByteString(copying: try reader.span(streamByteCount)).text
      isUnreadable = try reader.u8() != 0
      output = try ShippedLines(&reader)
      errors = try ShippedLines(&reader)
    } catch {
      return nil
    }
  }
}
