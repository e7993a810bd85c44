/// Notices that a disk fills, some time before appends are refused.
struct DiskWatch: Sendable {
  private var isNoticed = false

  /// It is reported when less is free than this many times what has to stay free, and again only after there was more.
  private static let factor = 2
  private static let endFactor = 3

  /// - Parameters:
  ///   - free: bytes that are free on the disk of `directory`.
  ///   - min: below it appends are refused, which has a line of its own.
  mutating func look(free: Int, min: Int, directory: String) -> LogLine? {
    if min == 0 || free / Self.endFactor >= min { isNoticed = false }
    guard free / Self.factor < min, !isNoticed else { return nil }
    isNoticed = true
    guard free >= min else { return nil }
    return .warn(
      """
      the disk of \(directory) fills: \(free >> 20) MiB are free, and with less than \(min >> 20) MiB appends are \
      refused (disk-min-free)
      """)
  }
}
