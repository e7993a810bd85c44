/// The encoding of a file.
package enum TextEncoding: String, CaseIterable, Sendable {
  /// By the mark at the start of the file, else UTF-8.
  case automatic = "auto"
  case utf8 = "utf-8"
  /// By its mark, else little-endian, as Windows writes it.
  case utf16 = "utf-16"
  case utf16LittleEndian = "utf-16le"
  case utf16BigEndian = "utf-16be"
}

/// What the start of a file shows.
enum FileStart: Equatable {
  /// Too little has been read to know.
  case unknown
  case plain
  case utf8Mark
  case utf16Mark(isBigEndian: Bool)
  /// Not supported.
  case utf32Mark
  /// Every other of the first four bytes is NUL: no text in UTF-8 begins like that.
  case unmarkedUTF16

  /// - Parameters:
  ///   - bytes: the first ones of the file; four are always enough.
  ///   - isWhole: whether the file has no more.
  init(_ bytes: some Collection<UInt8>, isWhole: Bool) {
    let first = Array(bytes.prefix(4))
    let marks: [(mark: [UInt8], start: FileStart)] = [
      // Before the mark of UTF-16, with which it begins.
      ([0xff, 0xfe, 0, 0], .utf32Mark), ([0, 0, 0xfe, 0xff], .utf32Mark), ([0xef, 0xbb, 0xbf], .utf8Mark),
      ([0xff, 0xfe], .utf16Mark(isBigEndian: false)), ([0xfe, 0xff], .utf16Mark(isBigEndian: true)),
    ]
    for (mark, start) in marks {
      if first.starts(with: mark) {
        self = start
        return
      }
      if !isWhole, first.count < mark.count, mark.starts(with: first) {
        self = .unknown
        return
      }
    }
    let zeros = first.map { $0 == 0 }
    self = zeros == [false, true, false, true] || zeros == [true, false, true, false] ? .unmarkedUTF16 : .plain
  }

  /// How many bytes are the mark.
  var markByteCount: Int {
    switch self {
    case .unknown, .plain, .utf32Mark, .unmarkedUTF16: 0
    case .utf8Mark: 3
    case .utf16Mark: 2
    }
  }
}
