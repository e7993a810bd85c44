internal import Glibc
internal import LogsDisk
internal import LogsSystem

/// The pages of a database that is not open anywhere, as of its last commit: from the WAL if they are there, else from
/// the file.
///
/// Reads the bytes itself, so that a damaged page affects no other page, and writes nothing, not even the index that
/// SQLite makes for a WAL. Source: https://www.sqlite.org/fileformat2.html
@safe struct SpoolPages: ~Copyable {
  private let database: Int32
  private let wal: Int32
  /// Where in the WAL the last committed image of a page is. Bounded by the WAL, a few megabytes.
  private let images: [Int: Int]
  /// Pages of the database after the last commit.
  let count: Int

  /// - Throws: if a file exists and cannot be opened.
  static func open(_ path: String) throws(FileError) -> SpoolPages {
    let database = try file(path)
    do { return SpoolPages(database: database, wal: try file("\(path)-wal")) } catch {
      if database >= 0 { close(database) }
      throw error
    }
  }

  private init(database: Int32, wal: Int32) {
    self.database = database
    self.wal = wal
    var reader = WalReader(wal, byteCount: Self.byteCount(wal))
    images = reader.committedImages()
    count = reader.databasePageCount ?? Self.byteCount(database) / SpoolSchema.pageByteCount
  }

  deinit {
    if database >= 0 { close(database) }
    if wal >= 0 { close(wal) }
  }

  /// The bytes of a page, numbered from 1; nil if they cannot be read.
  func page(_ number: Int) -> [UInt8]? {
    guard number >= 1, number <= count else { return nil }
    if let offset = images[number] { return Self.read(wal, at: offset, count: SpoolSchema.pageByteCount) }
    return Self.read(database, at: (number - 1) * SpoolSchema.pageByteCount, count: SpoolSchema.pageByteCount)
  }

  /// `PRAGMA user_version`, if the application id is that of a spool.
  func format(applicationID: Int64) -> Int64? {
    guard let header = page(1) else { return nil }
    func integer(_ offset: Int) -> Int64 { header[offset..<offset + 4].reduce(0) { $0 << 8 | Int64($1) } }
    return integer(68) == applicationID ? integer(60) : nil
  }

  /// - Returns: -1 if the file does not exist.
  private static func file(_ path: String) throws(FileError) -> Int32 {
    let file = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
    if file < 0, errno != ENOENT { throw FileError("open", path) }
    return file
  }

  private static func byteCount(_ file: Int32) -> Int {
    var status = stat()
    guard file >= 0, unsafe fstat(file, &status) == 0 else { return 0 }
    return Int(status.st_size)
  }

  /// All of the bytes, or nil: bytes that the disk cannot read are treated as lost.
  fileprivate static func read(_ file: Int32, at offset: Int, count: Int) -> [UInt8]? {
    guard file >= 0 else { return nil }
    var buffer = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let step = unsafe buffer.withUnsafeMutableBytes {
        unsafe pread(file, $0.baseAddress.map { unsafe $0 + done }, count - done, off_t(offset + done))
      }
      if step < 0, errno == EINTR { continue }
      if step <= 0 { return nil }
      done += step
    }
    return buffer
  }
}

/// Reads a WAL up to where its chain of checksums breaks, as SQLite's recovery does.
private struct WalReader {
  private static let frameHeaderByteCount = 24
  private static let version: UInt32 = 3_007_000

  private let file: Int32
  private let byteCount: Int
  private var sum: (UInt32, UInt32) = (0, 0)
  private var isBigEndian = false
  /// The state of the last commit; nil without one.
  private(set) var databasePageCount: Int?

  init(_ file: Int32, byteCount: Int) {
    self.file = file
    self.byteCount = byteCount
  }

  mutating func committedImages() -> [Int: Int] {
    var committed: [Int: Int] = [:]
    guard let header = SpoolPages.read(file, at: 0, count: SpoolSchema.walHeaderByteCount) else { return committed }
    let magic = Self.word(header, 0)
    guard magic & ~1 == 0x377f_0682, Self.word(header, 4) == Self.version,
      Self.word(header, 8) == UInt32(SpoolSchema.pageByteCount)
    else { return committed }
    isBigEndian = magic & 1 == 1
    add(header[..<24])
    guard sum == (Self.word(header, 24), Self.word(header, 28)) else { return committed }
    // Page images of the current transaction.
    var open: [Int: Int] = [:]
    var offset = SpoolSchema.walHeaderByteCount
    while offset + SpoolSchema.frameByteCount <= byteCount,
      let frame = SpoolPages.read(file, at: offset, count: SpoolSchema.frameByteCount), frame[8..<16] == header[16..<24]
    {
      add(frame[..<8])
      add(frame[Self.frameHeaderByteCount...])
      guard sum == (Self.word(frame, 16), Self.word(frame, 20)) else { break }
      open[Int(Self.word(frame, 0))] = offset + Self.frameHeaderByteCount
      let pageCount = Self.word(frame, 4)
      if pageCount > 0 {
        committed.merge(open) { $1 }
        open = [:]
        databasePageCount = Int(pageCount)
      }
      offset += SpoolSchema.frameByteCount
    }
    return committed
  }

  private mutating func add(_ bytes: ArraySlice<UInt8>) {
    var index = bytes.startIndex
    while index + 8 <= bytes.endIndex {
      let (first, second) = (word(bytes, index), word(bytes, index + 4))
      sum.0 = sum.0 &+ first &+ sum.1
      sum.1 = sum.1 &+ second &+ sum.0
      index += 8
    }
  }

  private func word(_ bytes: ArraySlice<UInt8>, _ index: Int) -> UInt32 {
    let value =
      UInt32(bytes[index]) << 24 | UInt32(bytes[index + 1]) << 16 | UInt32(bytes[index + 2]) << 8
      | UInt32(bytes[index + 3])
    return isBigEndian ? value : value.byteSwapped
  }

  private static func word(_ bytes: [UInt8], _ index: Int) -> UInt32 {
    UInt32(bytes[index]) << 24 | UInt32(bytes[index + 1]) << 16 | UInt32(bytes[index + 2]) << 8
      | UInt32(bytes[index + 3])
  }
}
