/// How much of a connection's input is read at once: what the server deals with in half a millisecond, so that one that
/// sends what takes long comes round more often, and the others in between.
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
