import CFaultVFS
import CSQLite
import Glibc
import LogsDisk
import LogsSystem

@testable import LogsStore

/// The store's own system calls on a `FaultDisk`.
struct FaultFileSystem: FileSystem {
  let disk: FaultDisk
  private let files = PosixFileSystem()

  init(disk: FaultDisk) { self.disk = disk }

  /// Counts the operation, and fails it when it has to.
  private func check(_ operation: fault_operation, _ path: String) throws(FileError) {
    let code = disk.state.withLock { state in
      state.operationCount += 1
      return state.isCrashed ? SQLITE_IOERR : state.fault(operation, path)
    }
    if code != SQLITE_OK {
      throw FileError(
        operation: operation == FAULT_SYNC ? "fsync" : "test", path: path, code: code == SQLITE_FULL ? ENOSPC : EIO)
    }
  }

  func makeDirectory(_ path: String) throws(FileError) -> Bool { try files.makeDirectory(path) }
  func list(_ directory: String) throws(FileError) -> [String] { try files.list(directory) }
  func byteCount(_ path: String) throws(FileError) -> Int? { try files.byteCount(path) }
  func read(_ path: String) throws(FileError) -> [UInt8]? { try files.read(path) }
  func space(_ directory: String) throws(FileError) -> (free: Int, all: Int) { try files.space(directory) }
  func allocate(_ path: String, byteCount: Int) throws(FileError) {
    try check(FAULT_WRITE, path)
    try files.allocate(path, byteCount: byteCount)
  }
  func lock(_ path: String) throws(FileError) -> FileLock? { try files.lock(path) }

  /// Always the same, so that what a power loss leaves does not look like a copy.
  func identity(_ path: String) throws(FileError) -> FileIdentity { FileIdentity(inode: 1, birth: 1) }

  func make(_ path: String) throws(FileError) {
    try check(FAULT_WRITE, path)
    try files.make(path)
    disk.state.withLock { $0.create(path) }
  }

  func write(_ path: String, _ content: [UInt8]) throws(FileError) {
    try check(FAULT_WRITE, path)
    try files.write(path, content)
    disk.state.withLock { state in
      state.create(path)
      guard let index = state.names[path] else { return }
      state.files[index].pending += [.truncate(0), .write(offset: 0, content)]
    }
  }

  func synchronize(file path: String) throws(FileError) {
    try check(FAULT_SYNC, path)
    try files.synchronize(file: path)
    disk.state.withLock { $0.synchronize(file: path) }
  }

  func synchronize(directory path: String) throws(FileError) {
    try check(FAULT_SYNC, path)
    try files.synchronize(directory: path)
    disk.state.withLock { $0.synchronize(directory: path) }
  }

  func rename(_ path: String, to target: String) throws(FileError) {
    try check(FAULT_DELETE, path)
    try files.rename(path, to: target)
    disk.state.withLock { state in
      state.names[target] = state.names[path]
      state.names[path] = nil
    }
  }

  func remove(_ path: String) throws(FileError) {
    try check(FAULT_DELETE, path)
    try files.remove(path)
    disk.state.withLock { $0.names[path] = nil }
  }
}
