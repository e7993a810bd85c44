internal import LogsWire

/// The file that lines are from.
struct LineOrigin: Sendable {
  /// `-` is stdin.
  let path: String
  /// Whether it is UTF-16 by its mark, and was decoded without having been asked.
  let isDecoded: Bool

  /// The file's name as it was given, or what fits of it, as a source.
  var source: ByteString {
    if path == "-" { return "" }
    // A name in a directory has at most 255 bytes.
    let isShort = path.utf8.count <= Limits.sourceByteCountMax
    return ByteString(isShort ? path : String(path.split(separator: "/").last ?? ""))
  }
}
