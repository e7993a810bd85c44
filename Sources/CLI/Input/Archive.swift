/// The formats of compressed files that are read as their content.
enum Archive: CaseIterable {
  case gzip
  case zstd

  /// How its files are named and checked.
  var program: String {
    switch self {
    case .gzip: "gzip"
    case .zstd: "zstd"
    }
  }

  private var suffix: String {
    switch self {
    case .gzip: ".gz"
    case .zstd: ".zst"
    }
  }

  /// gzip with deflate, its only method (RFC 1952); a zstd frame (RFC 8878).
  private var magic: [UInt8] {
    switch self {
    case .gzip: [0x1f, 0x8b, 0x08]
    case .zstd: [0x28, 0xb5, 0x2f, 0xfd]
    }
  }

  /// What the name of a file says.
  static func named(_ path: String) -> Archive? { allCases.first { path.lowercased().hasSuffix($0.suffix) } }

  /// What the first bytes of a file say.
  static func begun(_ bytes: ArraySlice<UInt8>) -> Archive? { allCases.first { bytes.starts(with: $0.magic) } }

  /// Whether more bytes could make an archive of these.
  static func mayBegin(_ bytes: ArraySlice<UInt8>) -> Bool {
    allCases.contains { bytes.count < $0.magic.count && $0.magic.starts(with: bytes) }
  }

  func content() -> any ArchiveContent {
    switch self {
    case .gzip: GzipContent()
    case .zstd: ZstdContent()
    }
  }
}

/// The content of a compressed file, piece by piece, with bounded memory.
protocol ArchiveContent: AnyObject {
  /// The next piece of content, taking as many of `bytes` as it needs; empty if it needs more than there are.
  func take(_ bytes: inout ArraySlice<UInt8>) throws(ArchiveDamage) -> ArraySlice<UInt8>

  /// Whether the file may end here.
  var isWhole: Bool { get }
}

/// Why the content of a compressed file cannot be read on.
enum ArchiveDamage: Error {
  /// What the library says.
  case broken(String)
  /// Something else follows the end, of which this many bytes were taken.
  case junk(takenCount: Int)
}
