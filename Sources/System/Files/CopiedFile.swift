internal import CSystem
internal import Glibc
internal import LogsWire

/// How long a file is, and the XXH3-64 of its bytes.
package struct FileDigest: Hashable, Sendable {
  package var byteCount: Int
  package var check: UInt64

  package init(byteCount: Int, check: UInt64) {
    self.byteCount = byteCount
    self.check = check
  }

  package init(of content: [UInt8]) {
    self.init(byteCount: content.count, check: unsafe XXH3.hash(content.span.bytes))
  }
}

/// Which content a file has, without reading it, as long as nobody sets its times: no two files of a directory's life
/// share it.
package struct FileStamp: Hashable, Sendable {
  package var inode: UInt64
  package var byteCount: Int
  /// When its content last changed, ns since 1970.
  package var modified: Int64

  package init(inode: UInt64, byteCount: Int, modified: Int64) {
    self.inode = inode
    self.byteCount = byteCount
    self.modified = modified
  }

  fileprivate init(_ status: stat) {
    self.init(
      inode: UInt64(status.st_ino), byteCount: Int(status.st_size),
      modified: Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec))
  }
}

extension PosixFileSystem {
  /// Nil if there is no such file.
  package func stamp(_ path: String) throws(FileError) -> FileStamp? {
    var status = stat()
    if unsafe stat(path, &status) == 0 { return FileStamp(status) }
    if errno == ENOENT { return nil }
    throw FileError("stat", path)
  }

  /// Reads all of a file; nil if there is none.
  ///
  /// - Parameter pause: called after each mebibyte; what it throws ends the reading.
  package func digest(
    _ path: String, pause: () throws(FileError) -> Void = {}
  ) throws(FileError) -> FileDigest? {
    guard let file = try openIfThere(path) else { return nil }
    return try digest(of: file, path) { _ throws(FileError) in try pause() }
  }

  /// Has the system forget what it holds in memory of a file that is on the disk.
  package func dropCache(_ path: String) throws(FileError) {
    if let file = try openIfThere(path) { _ = posix_fadvise(file.number, 0, 0, POSIX_FADV_DONTNEED) }
  }

  /// Copies a file that does not change to one that does not exist yet, and syncs the copy. Where the file system can,
  /// both share their blocks on the disk from then on.
  ///
  /// - Parameter pause: called after each mebibyte; what it throws ends the copying.
  /// - Returns: nil if there is no such file.
  package func copy(
    _ path: String, to target: String, pause: () throws(FileError) -> Void = {}
  ) throws(FileError) -> (digest: FileDigest, stamp: FileStamp)? {
    guard let source = try openIfThere(path) else { return nil }
    var status = stat()
    if unsafe fstat(source.number, &status) != 0 { throw FileError("stat", path) }
    try make(target)
    let copy = try openForWriting(target)
    let isCloned = logs_clone_file(copy.number, source.number) == 0
    var unsyncedByteCount = 0
    let digest = try digest(of: source, path) { bytes throws(FileError) in
      try pause()
      if isCloned { return }
      do throws(SystemError) { try copy.write(Array(bytes)) } catch { throw FileError("write", target, error) }
      unsyncedByteCount += bytes.count
      // All at once at the end, they would keep the syncs of others on the same disk waiting.
      if unsyncedByteCount >= Self.unsyncedByteCountMax {
        if fdatasync(copy.number) != 0 { throw FileError(FileError.synchronizing, target) }
        unsyncedByteCount = 0
      }
    }
    if fsync(copy.number) != 0 { throw FileError(FileError.synchronizing, target) }
    return (digest, FileStamp(status))
  }

  private func openForWriting(_ path: String) throws(FileError) -> Descriptor {
    do { return try Descriptor.open(path, O_WRONLY) } catch { throw FileError("open", path, error) }
  }

  /// Gives a file another name.
  ///
  /// - Returns: false if both names are not of one file system, or it has no such links.
  package func link(_ path: String, to target: String) throws(FileError) -> Bool {
    if unsafe Glibc.link(path, target) == 0 { return true }
    if [EXDEV, EPERM, EMLINK, EOPNOTSUPP].contains(errno) { return false }
    throw FileError("link", path)
  }

  /// Removes an empty directory; does nothing if there is none.
  package func removeDirectory(_ path: String) throws(FileError) {
    if unsafe rmdir(path) != 0, errno != ENOENT { throw FileError("rmdir", path) }
  }

  private func digest(
    of file: borrowing Descriptor, _ path: String, _ visit: (ArraySlice<UInt8>) throws(FileError) -> Void
  ) throws(FileError) -> FileDigest {
    var hash = XXH3Stream()
    var byteCount = 0
    var buffer = [UInt8](repeating: 0, count: Self.pieceByteCount)
    while true {
      let count = unsafe Glibc.read(file.number, &buffer, buffer.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw FileError("read", path)
      }
      if count == 0 { return FileDigest(byteCount: byteCount, check: hash.value) }
      unsafe hash.append(buffer.span.bytes.extracting(0..<count))
      byteCount += count
      try visit(buffer[..<count])
    }
  }

  private static let pieceByteCount = 1 << 20
  private static let unsyncedByteCountMax = 16 << 20
}
