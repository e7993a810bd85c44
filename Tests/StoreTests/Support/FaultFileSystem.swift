import CFaultVFS
import CSQLite
import Glibc
import LogsDisk
import LogsSystem

@testable import LogsStore

/// The store's own system calls on a `FaultDisk`.
struct FaultFileSystem: FileSystem {
  let disk: FaultDisk
  /// Called before a directory is listed.
  private let willList: @Sendable () -> Void
  private let files = PosixFileSystem()

  init(disk: FaultDisk, willList: @escaping @Sendable () -> Void = {}) {
    self.disk = disk
    self.willList = willList
  }

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
  func list(_ directory: String) throws(FileError) -> [String] {
    willList()
    return try files.list(directory)
  }
  func byteCount(_ path: String) throws(FileError) -> Int? { try files.byteCount(path) }
  func read(_ path: String) throws(FileError) -> [UInt8]? { try files.read(path) }
  func read(_ path: String, atMost byteCount: Int, from offset: Int) throws(FileError) -> [UInt8]? {
    try files.read(path, atMost: byteCount, from: offset)
  }
  func space(_ directory: String) throws(FileError) -> (free: Int, all: Int) {
    if let space = disk.state.withLock({ $0.space }) { return space }
    return try files.space(directory)
  }
  func allocate(_ path: String, byteCount: Int) throws(FileError) {
    try check(FAULT_WRITE, path)
    try files.allocate(path, byteCount: byteCount)
  }
  func lock(_ path: String) throws(FileError) -> FileLock? { try files.lock(path) }

  func openDurable(_ path: String) throws(FileError) -> any DurableFile {
    FaultDurableFile(disk: disk, path: path, file: try files.openDurable(path))
  }

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

/// A file whose writes are durable when they return, on a `FaultDisk`: one that power cuts short may be there in part.
private struct FaultDurableFile: DurableFile {
  let disk: FaultDisk
  let path: String
  let file: any DurableFile

  var blockByteCount: Int { file.blockByteCount }
  var isDirect: Bool { file.isDirect }

  func write(_ bytes: AlignedBytes, byteCount: Int, at offset: Int) throws(FileError) {
    let content = bytes.withBytes(byteCount) { Array($0) }
    disk.hooks.withLock({ $0 }).onWrite?(path)
    let code = disk.state.withLock { state -> Int32 in
      state.operationCount += 1
      guard state.isCrashed else { return state.fault(FAULT_WRITE, path) }
      if state.operationCount == state.crashAt, let index = state.names[path] {
        state.files[index].pending.append(.write(offset: offset, content))
      }
      return SQLITE_IOERR
    }
    if code != SQLITE_OK { throw FileError(operation: FileError.synchronizing, path: path, code: EIO) }
    try file.write(bytes, byteCount: byteCount, at: offset)
    disk.state.withLock { state in
      guard let index = state.names[path] else { return }
      FaultDisk.Change.write(offset: offset, content).apply(to: &state.files[index].durable)
    }
  }
}
