internal import CSystem
package import LogsSystem
internal import LogsWire

/// What a file is, whatever its name: the same file has the same numbers, and another file that gets its inode has
/// another birth time.
package struct OpenFileIdentity: Hashable, Sendable {
  let device: UInt64
  let inode: UInt64
  /// In ns since 1970; 0 where the file system does not know.
  let birth: Int64

  /// What `text` says.
  init?(text: Substring) {
    let parts = text.split(separator: ":")
    guard parts.count == 3, let device = UInt64(parts[0], radix: 16), let inode = UInt64(parts[1]),
      let birth = Int64(parts[2])
    else { return nil }
    self.device = device
    self.inode = inode
    self.birth = birth
  }

  /// `O_PATH`, which Swift does not see: no right to read is needed.
  static let pathOnly: Int32 = 0o10_000_000

  /// Of what is at a path, behind symbolic links; nil if nothing is.
  init?(path: String) {
    guard let descriptor = try? PathText.open(path, Self.pathOnly) else { return nil }
    self.init(descriptor.number)
  }

  /// nil if the file cannot be asked.
  init?(_ descriptor: Int32) {
    var (device, inode): (UInt64, UInt64) = (0, 0)
    var seconds: Int64 = 0
    var nanoseconds: UInt32 = 0
    guard unsafe logs_open_file_identity(descriptor, &device, &inode, &seconds, &nanoseconds) == 0 else { return nil }
    self.device = device
    self.inode = inode
    birth = seconds &* 1_000_000_000 &+ Int64(nanoseconds)
  }

  /// - Throws: if the file cannot be read. nil if it cannot be asked.
  package init?(of path: String) throws(SystemError) {
    let descriptor = try PathText.open(path)
    self.init(descriptor.number)
  }

  /// Whether the file is older, by its time of birth. That has steps of some milliseconds; within one, inodes mostly
  /// ascend.
  func isOlder(than other: OpenFileIdentity) -> Bool {
    guard birth != 0, other.birth != 0, device == other.device else { return false }
    return (birth, inode) < (other.birth, other.inode)
  }

  var text: String {
    "\(String(device, radix: 16)):\(inode):\(birth)"
  }
}

/// Bytes of a file by which a reader recognizes it: their count and hash.
struct FileSample: Hashable, Sendable {
  var byteCount = 0
  var hash: UInt64 = 0

  init() {}

  init(_ bytes: ArraySlice<UInt8>) {
    byteCount = bytes.count
    hash = bytes.isEmpty ? 0 : unsafe XXH3.hash(bytes.span.bytes)
  }

  init?(_ text: Substring) {
    let parts = text.split(separator: ":")
    guard parts.count == 2, let count = Int(parts[0]), (0...FileMark.headByteCountMax).contains(count),
      let hash = UInt64(parts[1], radix: 16)
    else { return nil }
    (byteCount, self.hash) = (count, hash)
  }

  var text: String { "\(byteCount):\(String(hash, radix: 16))" }
}

/// How far a file has been read: the bookmark of a file.
struct FileMark: Hashable, Sendable {
  /// Everything before it has been shipped.
  var offset: UInt64 = 0
  /// The first bytes, up to 1 KiB of what was shipped.
  var head = FileSample()
  /// The last bytes before the offset.
  var tail = FileSample()
  /// The order of bytes of a file in UTF-16.
  var utf16: Bool?
  /// Whether the line at the offset was shipped without its end, which had not come.
  var isInLine = false
  /// Whether it was ever emptied in place: files beside it may be copies of what it had.
  var wasTruncated = false
  /// Whether it is another source's: what that has read up to here may wait to be stored. Not kept.
  var isInherited = false
  /// When it was set, in s since 1970.
  var time: Int64 = 0
  /// The name under which the file was found first: its stream follows from it.
  var path = ""
  /// The name behind symbolic links under which it was read last.
  var realPath = ""

  static let headByteCountMax = 1 << 10
  static let tailByteCountMax = 64

  init() {}

  /// Whether it was set by the size of a file that nobody could read.
  var isUnread: Bool { head.byteCount == 0 && offset > 0 }

  /// nil if that is no mark.
  init?(_ value: ByteString) {
    let parts = value.text.split(separator: " ", maxSplits: 6, omittingEmptySubsequences: false)
    guard parts.count == 7, parts[0] == "1", let offset = UInt64(parts[1]), let head = FileSample(parts[2]),
      let tail = FileSample(parts[3]), tail.byteCount <= Self.tailByteCountMax, UInt64(tail.byteCount) <= offset,
      let time = Int64(parts[5])
    else { return nil }
    self.offset = offset
    self.head = head
    self.tail = tail
    self.time = time
    utf16 = parts[4].contains("l") ? false : parts[4].contains("b") ? true : nil
    isInLine = parts[4].contains("i")
    wasTruncated = parts[4].contains("t")
    // No path holds a zero.
    let paths = parts[6].split(separator: "\0", omittingEmptySubsequences: false)
    path = String(paths[0])
    realPath = paths.count == 2 ? String(paths[1]) : path
  }

  var value: ByteString {
    let order = utf16.map { $0 ? "b" : "l" } ?? "-"
    let flags = "\(order)\(isInLine ? "i" : "")\(wasTruncated ? "t" : "")"
    return ByteString("1 \(offset) \(head.text) \(tail.text) \(flags) \(time) \(path)\0\(realPath)")
  }
}
