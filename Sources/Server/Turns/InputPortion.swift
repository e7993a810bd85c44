/// How much of a connection's input is read at once: what the server can process in half a millisecond. A client that
/// sends expensive requests is read in smaller portions, so that others get their turns in between.
struct InputPortion {
  static let nanosecondsMax: UInt64 = 500_000
  static let byteCountMin = 2 << 10
  static let byteCountMax = 64 << 10

  /// Small at first: nothing is known of the client.
  private(set) var byteCount = 8 << 10

  /// - Parameters:
  ///   - nanoseconds: how long it took to deal with what was read last.
  ///   - count: its bytes.
  mutating func took(_ nanoseconds: UInt64, for count: Int) {
    if nanoseconds > Self.nanosecondsMax {
      let fitting = UInt64(count) * Self.nanosecondsMax / nanoseconds
      byteCount = min(byteCount, max(Int(fitting), Self.byteCountMin))
    } else if count == byteCount {
      byteCount = min(byteCount * 2, Self.byteCountMax)
    }
  }
}
