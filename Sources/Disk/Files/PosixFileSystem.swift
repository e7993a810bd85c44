internal import CSystem
internal import Glibc

/// The system's own files.
package struct PosixFileSystem: FileSystem {
  private let directoryMode: mode_t
  private let fileMode: mode_t

  /// - Parameter isPrivate: whether new files are for their owner alone; otherwise the group may read them. The umask
  ///   applies to both.
  package init(isPrivate: Bool = false) {
    directoryMode = isPrivate ? 0o700 : 0o750
    fileMode = isPrivate ? 0o600 : 0o640
  }

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
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    if file < 0 {
      if errno == ENOENT { return nil }
      throw FileError("open", path)
    }
    defer { close(file) }
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = unsafe Glibc.read(file, &buffer, buffer.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw FileError("read", path)
      }
      if count == 0 { return content }
      content.append(contentsOf: buffer[0..<count])
    }
  }

  package func write(_ path: String, _ content: [UInt8]) throws(FileError) {
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, fileMode)
    if file < 0 { throw FileError("open", path) }
    defer { close(file) }
    var written = 0
    while written < content.count {
      let count = unsafe content.withUnsafeBytes { buffer in
        let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[written...])
        return unsafe Glibc.write(file, rest.baseAddress, rest.count)
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw FileError("write", path)
      }
      written += count
    }
  }

  package func allocate(_ path: String, byteCount: Int) throws(FileError) {
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC, fileMode)
    if file < 0 { throw FileError("open", path) }
    defer { close(file) }
    // It returns the error instead of leaving it in errno.
    let code = posix_fallocate(file, 0, off_t(byteCount))
    if code != 0 { throw FileError(operation: "posix_fallocate", path: path, code: code) }
  }

  package func freeByteCount(_ directory: String) throws(FileError) -> Int {
    var status = statvfs()
    if unsafe statvfs(directory, &status) != 0 { throw FileError("statvfs", directory) }
    let (byteCount, overflows) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
    return overflows ? .max : Int(clamping: byteCount)
  }

  package func synchronize(file path: String) throws(FileError) { try synchronize(path, O_RDONLY) }

  package func synchronize(directory path: String) throws(FileError) { try synchronize(path, O_RDONLY | O_DIRECTORY) }

  private func synchronize(_ path: String, _ flags: Int32) throws(FileError) {
    let file = unsafe open(path, flags | O_CLOEXEC)
    if file < 0 { throw FileError("open", path) }
    defer { close(file) }
    if fsync(file) != 0 { throw FileError(FileError.synchronizing, path) }
  }

  package func rename(_ path: String, to target: String) throws(FileError) {
    if unsafe Glibc.rename(path, target) != 0 { throw FileError("rename", path) }
  }

  package func remove(_ path: String) throws(FileError) {
    if unsafe unlink(path) != 0, errno != ENOENT { throw FileError("unlink", path) }
  }

  package func lock(_ path: String) throws(FileError) -> FileLock? {
    let file = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, fileMode)
    if file < 0 { throw FileError("open", path) }
    if flock(file, LOCK_EX | LOCK_NB) == 0 {
      FileLock.noteOwner(in: file)
      return FileLock(adopting: file)
    }
    let error = FileError("flock", path)
    close(file)
    if error.code == EWOULDBLOCK { return nil }
    throw error
  }

  /// Whether someone holds the lock on a file. Checking takes the lock for an instant, which may make `lock` fail.
  package func isLocked(_ path: String) throws(FileError) -> Bool {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    if file < 0 {
      if errno == ENOENT { return false }
      throw FileError("open", path)
    }
    defer { close(file) }
    if flock(file, LOCK_SH | LOCK_NB) == 0 { return false }
    if errno == EWOULDBLOCK { return true }
    throw FileError("flock", path)
  }

  /// Truncates a file that is longer, and syncs it; fine if it is not there.
  package func truncate(_ path: String, to byteCountMax: Int) throws(FileError) {
    let file = unsafe open(path, O_RDWR | O_CLOEXEC)
    if file < 0 {
      if errno == ENOENT { return }
      throw FileError("open", path)
    }
    defer { close(file) }
    var status = stat()
    if unsafe fstat(file, &status) != 0 { throw FileError("stat", path) }
    if Int(status.st_size) > byteCountMax, ftruncate(file, off_t(byteCountMax)) != 0 {
      throw FileError("truncate", path)
    }
    if fsync(file) != 0 { throw FileError(FileError.synchronizing, path) }
  }
}

/// A lock on a file for as long as this lives. The system drops it when the process ends, however it ends.
package final class FileLock: Sendable {
  private let file: Int32

  init(adopting file: Int32) { self.file = file }

  /// Writes this process's id, for a process that is refused the lock to report. A full disk is no reason not to take
  /// it.
  static func noteOwner(in file: Int32) {
    guard ftruncate(file, 0) == 0 else { return }
    let text = Array("\(getpid())\n".utf8)
    _ = unsafe text.withUnsafeBytes { unsafe pwrite(file, $0.baseAddress, $0.count, 0) }
  }

  /// The process that took the lock last; nil if it did not leave its id.
  package static func owner(noted content: [UInt8]?) -> Int32? {
    Int32(String(decoding: (content ?? []).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
  }

  /// Unlocked, not only closed: a child process holds a copy of the descriptor, and the lock with it, until its exec.
  deinit {
    flock(file, LOCK_UN)
    close(file)
  }
}

extension FileError {
  /// The call that just failed on this thread.
  package init(_ operation: String, _ path: String) { self.init(operation: operation, path: path, code: errno) }

  /// Whether the disk is full, so that the same operation may succeed later.
  ///
  /// Never true of a sync: what it should have made durable is unknown, whatever the reason, and a second one may
  /// report success although data was lost.
  package var isDiskFull: Bool { operation != Self.synchronizing && (code == ENOSPC || code == EDQUOT) }

  package static let synchronizing = "fsync"

  /// The system's description of the error.
  package var text: String { unsafe String(cString: strerror(code)) }
}
