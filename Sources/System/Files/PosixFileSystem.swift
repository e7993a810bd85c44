internal import CSystem
internal import Glibc

/// The system's own files.
package struct PosixFileSystem: FileSystem {
  /// Which users besides the owner may read new files. The umask applies in any case.
  package enum Readers: UInt32, Sendable {
    case nobody = 0o600
    case group = 0o640
    case everybody = 0o644
  }

  private let readers: Readers
  private var fileMode: mode_t { readers.rawValue }
  /// Permission to read a directory includes permission to enter it.
  private var directoryMode: mode_t { fileMode | 0o100 | (fileMode & 0o044) >> 2 }

  package init(readableBy readers: Readers = .group) { self.readers = readers }

  package func makeDirectory(_ path: String) throws(FileError) -> Bool {
    if unsafe mkdir(path, directoryMode) == 0 { return true }
    if errno == EEXIST { return false }
    throw FileError("mkdir", path)
  }

  package func list(_ directory: String) throws(FileError) -> [String] {
    guard let stream = unsafe opendir(directory) else { throw FileError("opendir", directory) }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  package func byteCount(_ path: String) throws(FileError) -> Int? {
    var status = stat()
    if unsafe stat(path, &status) == 0 { return Int(status.st_size) }
    if errno == ENOENT { return nil }
    throw FileError("stat", path)
  }

  package func identity(_ path: String) throws(FileError) -> FileIdentity {
    var inode: UInt64 = 0
    var seconds: Int64 = 0
    var nanoseconds: UInt32 = 0
    if unsafe logs_file_identity(path, &inode, &seconds, &nanoseconds) != 0 { throw FileError("statx", path) }
    return FileIdentity(inode: inode, birth: seconds &* 1_000_000_000 &+ Int64(nanoseconds))
  }

  package func read(_ path: String) throws(FileError) -> [UInt8]? {
    guard let file = try openIfThere(path, O_RDONLY) else { return nil }
    do { return try file.readAll() } catch { throw FileError("read", path, error) }
  }

  package func read(_ path: String, atMost byteCount: Int, from offset: Int) throws(FileError) -> [UInt8]? {
    guard let file = try openIfThere(path, O_RDONLY) else { return nil }
    var bytes = [UInt8](repeating: 0, count: byteCount)
    var count = 0
    while count < byteCount {
      let read = unsafe bytes.withUnsafeMutableBytes { bytes in
        unsafe pread(file.number, bytes.baseAddress.map { unsafe $0 + count }, byteCount - count, off_t(offset + count))
      }
      if read < 0, errno == EINTR { continue }
      if read < 0 { throw FileError("read", path) }
      if read == 0 { break }
      count += read
    }
    bytes.removeLast(byteCount - count)
    return bytes
  }

  package func make(_ path: String) throws(FileError) { _ = try open(path, O_WRONLY | O_CREAT | O_EXCL) }

  package func write(_ path: String, _ content: [UInt8]) throws(FileError) {
    let file = try open(path, O_WRONLY | O_CREAT | O_TRUNC)
    do { try file.write(content) } catch { throw FileError("write", path, error) }
  }

  package func allocate(_ path: String, byteCount: Int) throws(FileError) {
    let file = try open(path, O_WRONLY | O_CREAT)
    // It returns the error instead of leaving it in errno.
    let code = posix_fallocate(file.number, 0, off_t(byteCount))
    if code != 0 { throw FileError(operation: "posix_fallocate", path: path, code: code) }
  }

  package func space(_ directory: String) throws(FileError) -> (free: Int, all: Int) {
    var status = statvfs()
    if unsafe statvfs(directory, &status) != 0 { throw FileError("statvfs", directory) }
    func byteCount(_ blockCount: UInt) -> Int {
      let (byteCount, overflows) = UInt64(blockCount).multipliedReportingOverflow(by: UInt64(status.f_frsize))
      return overflows ? .max : Int(clamping: byteCount)
    }
    return (byteCount(status.f_bavail), byteCount(status.f_blocks))
  }

  package func synchronize(file path: String) throws(FileError) { try synchronize(path, O_RDONLY) }

  package func synchronize(directory path: String) throws(FileError) { try synchronize(path, O_RDONLY | O_DIRECTORY) }

  private func synchronize(_ path: String, _ flags: Int32) throws(FileError) {
    let file = try open(path, flags)
    if fsync(file.number) != 0 { throw FileError(FileError.synchronizing, path) }
  }

  package func rename(_ path: String, to target: String) throws(FileError) {
    if unsafe Glibc.rename(path, target) != 0 { throw FileError("rename", path) }
  }

  package func remove(_ path: String) throws(FileError) {
    if unsafe unlink(path) != 0, errno != ENOENT { throw FileError("unlink", path) }
  }

  package func lock(_ path: String) throws(FileError) -> FileLock? {
    let file = try open(path, O_RDWR | O_CREAT)
    if flock(file.number, LOCK_EX | LOCK_NB) == 0 {
      FileLock.noteOwner(in: file)
      return FileLock(adopting: file)
    }
    let error = FileError("flock", path)
    if error.code == EWOULDBLOCK { return nil }
    throw error
  }

  package func openDurable(_ path: String) throws(FileError) -> any DurableFile { try PosixDurableFile(path) }

  /// Whether someone holds the lock on a file. Checking takes the lock for an instant, which may make `lock` fail.
  package func isLocked(_ path: String) throws(FileError) -> Bool {
    guard let file = try openIfThere(path, O_RDONLY) else { return false }
    if flock(file.number, LOCK_SH | LOCK_NB) == 0 { return false }
    if errno == EWOULDBLOCK { return true }
    throw FileError("flock", path)
  }

  /// Whether both paths lead to the same file.
  package func isSame(_ path: String, _ other: String) throws(FileError) -> Bool {
    let (first, second) = (try status(path), try status(other))
    return first.st_dev == second.st_dev && first.st_ino == second.st_ino
  }

  /// The id of the user that a file belongs to.
  package func owner(_ path: String) throws(FileError) -> UInt32 { try status(path).st_uid }

  func status(_ path: String) throws(FileError) -> stat {
    var status = stat()
    if unsafe stat(path, &status) != 0 { throw FileError("stat", path) }
    return status
  }

  /// Truncates a file that is longer, and syncs it; does nothing if it does not exist.
  package func truncate(_ path: String, to byteCountMax: Int) throws(FileError) {
    guard let file = try openIfThere(path, O_RDWR) else { return }
    var status = stat()
    if unsafe fstat(file.number, &status) != 0 { throw FileError("stat", path) }
    if Int(status.st_size) > byteCountMax, ftruncate(file.number, off_t(byteCountMax)) != 0 {
      throw FileError("truncate", path)
    }
    if fsync(file.number) != 0 { throw FileError(FileError.synchronizing, path) }
  }

  /// Opens a file for reading; nil when it does not exist.
  package func openIfThere(_ path: String) throws(FileError) -> Descriptor? { try openIfThere(path, O_RDONLY) }

  private func openIfThere(_ path: String, _ flags: Int32) throws(FileError) -> Descriptor? {
    do { return try open(path, flags) } catch {
      if error.code == ENOENT { return nil }
      throw error
    }
  }

  private func open(_ path: String, _ flags: Int32) throws(FileError) -> Descriptor {
    do { return try Descriptor.open(path, flags, mode: fileMode) } catch { throw FileError("open", path, error) }
  }
}
