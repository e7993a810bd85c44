/// The pages in the write-ahead log beside a database file (https://www.sqlite.org/fileformat.html, 4.1), however much
/// of it SQLite would take.
///
/// What it finds may be anything: only batches that pass their checks count.
struct WALPages {
  private static let headerByteCount = 32
  private static let frameHeaderByteCount = 24
  private static let pageByteCounts = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536]

  private let log: [UInt8]
  private let pageByteCount: Int
  /// What frames have that were written since the log was last begun anew.
  private var salt: UInt64 = 0

  /// - Returns: nil if there is no page in it.
  init?(_ log: [UInt8]) {
    self.log = log
    guard log.count > Self.headerByteCount else { return nil }
    let stated = Int(Self.integer(log, 8))
    pageByteCount = Self.pageByteCounts.contains(stated) ? stated : SegmentSchema.pageByteCount
    if frameCount == 0 { return nil }
    salt = salt(at: 16)
    // Where it was just begun anew, nothing is in it yet. But the header may be damaged, and a frame, too.
    let salts = (0..<frameCount).map { salt(at: start($0) + 8) }
    if !isHeaderWhole, !salts.contains(salt) {
      salt = zip(salts, salts.dropFirst()).first { $0 == $1 }?.0 ?? salts[0]
    }
  }

  private var frameCount: Int {
    (log.count - Self.headerByteCount) / (Self.frameHeaderByteCount + pageByteCount)
  }

  private func start(_ frame: Int) -> Int {
    Self.headerByteCount + frame * (Self.frameHeaderByteCount + pageByteCount)
  }

  private func page(_ frame: Int) -> Int { Int(Self.integer(log, start(frame))) }

  /// A big-endian number.
  private static func integer(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
    bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }

  private func salt(at offset: Int) -> UInt64 {
    UInt64(Self.integer(log, offset)) << 32 | UInt64(Self.integer(log, offset + 4))
  }

  // MARK: where it ends

  /// How many transactions lie behind the first frame that is not what was written, where the log ends for SQLite.
  var unreachedCommitCount: Int {
    var end = 0
    if isHeaderWhole {
      while end < frameCount, isWhole(end) { end += 1 }
    }
    return (end..<frameCount).count { Self.integer(log, start($0) + 4) > 0 && isWhole($0) }
  }

  private var isHeaderWhole: Bool { check(0..<24, after: (0, 0)) == storedCheck(24) }

  /// Whether a frame is what was written, if the check of the one before is.
  private func isWhole(_ frame: Int) -> Bool {
    let start = start(frame)
    guard salt(at: start + 8) == salt, page(frame) > 0 else { return false }
    // Checks go on from those of the frame before.
    let before = storedCheck(frame == 0 ? 24 : self.start(frame - 1) + 16)
    let content = start + Self.frameHeaderByteCount
    let check = check(start..<start + 8, after: before)
    return self.check(content..<content + pageByteCount, after: check) == storedCheck(start + 16)
  }

  private typealias Check = (UInt32, UInt32)

  private func storedCheck(_ offset: Int) -> Check { (Self.integer(log, offset), Self.integer(log, offset + 4)) }

  /// SQLite's checksum of a multiple of 8 bytes.
  private func check(_ range: Range<Int>, after check: Check) -> Check {
    let bytes = unsafe log.span.bytes
    let isBigEndian = log[3] & 1 == 1
    var (first, second) = check
    func word(_ offset: Int) -> UInt32 {
      let word = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)
      return isBigEndian ? UInt32(bigEndian: word) : UInt32(littleEndian: word)
    }
    for offset in stride(from: range.lowerBound, to: range.upperBound, by: 8) {
      first &+= word(offset) &+ second
      second &+= word(offset + 4) &+ first
    }
    return (first, second)
  }

  // MARK: pages

  /// The file as it is with all pages of the log, in their order: also with those behind a frame that is damaged. What
  /// is left from before the log was last begun anew counts as not there.
  ///
  /// - Parameter isWholeOnly: whether frames that do not pass their check are left out. One of these may name another
  ///   page than its own; and one behind another whose check is damaged may be whole, all the same.
  func applied(to file: [UInt8], isWholeOnly: Bool) -> [UInt8] {
    var file = file
    let whole = Set((0..<frameCount).filter(isWhole))
    // Where the file is gone or cut, pages of it may be missing before those of the log: frames that are whole say so.
    let pageCountMax = max(file.count / pageByteCount + frameCount, whole.map(page).max() ?? 0)
    for frame in 0..<frameCount where self.salt(at: start(frame) + 8) == salt {
      let page = page(frame)
      guard (1...pageCountMax).contains(page), !isWholeOnly || whole.contains(frame) else { continue }
      let (begin, end) = ((page - 1) * pageByteCount, page * pageByteCount)
      if file.count < end { file += [UInt8](repeating: 0, count: end - file.count) }
      let content = start(frame) + Self.frameHeaderByteCount
      file.replaceSubrange(begin..<end, with: log[content..<content + pageByteCount])
    }
    return file
  }
}
