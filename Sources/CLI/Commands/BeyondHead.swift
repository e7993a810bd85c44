internal import LogsClient
internal import LogsWire

/// Streams that end before the number that `--from-seq` gives.
enum BeyondHead {
  private static let namedCountMax = 3

  /// Says where they end; nil if there are none.
  static func sentence(
    from number: UInt64, _ selectors: [StreamSelector], _ client: LogClient
  ) async throws(LogError) -> String? {
    let streams = try await client.existing(selectors).filter { $0.head < number - 1 }
    if streams.isEmpty { return nil }
    let ends = streams.prefix(namedCountMax).map { "that of \($0.stream) is \($0.head)" }.joined(separator: ", ")
    let others = streams.count - namedCountMax
    return "--from-seq \(number) is beyond the last number: \(ends)\(others > 0 ? ", and \(others) more" : "")"
  }
}
