/// The system calls that the store makes besides SQLite's own, so that tests can make them fail and can lose power.
///
/// Never used on the files of the active segment: a plain open and close of one would drop SQLite's POSIX locks on it
/// (https://www.sqlite.org/howtocorrupt.html, section 2.2).
package protocol FileSystem: Sendable {
  /// Makes a directory; fine if it is there.
  ///
  /// - Returns: whether it was made.
  func makeDirectory(_ path: String) throws(FileError) -> Bool
  /// The names in a directory, in no order.
  func list(_ directory: String) throws(FileError) -> [String]
  /// The size of a file, nil if it is not there. Does not open it.
  func byteCount(_ path: String) throws(FileError) -> Int?
  /// What tells this file from a copy of it; it never changes.
  func identity(_ path: String) throws(FileError) -> FileIdentity
  /// The whole content of a small file, nil if it is not there.
  func read(_ path: String) throws(FileError) -> [UInt8]?
  /// Replaces the content, making the file if it is not there.
  func write(_ path: String, _ content: [UInt8]) throws(FileError)
  /// Extends a file to at least this length and allocates the space, making the file if it is not there. Not durable
  /// until synced.
  func allocate(_ path: String, byteCount: Int) throws(FileError)
  /// The space that this user may still fill on a directory's disk.
  func freeByteCount(_ directory: String) throws(FileError) -> Int
  func synchronize(file path: String) throws(FileError)
  func synchronize(directory path: String) throws(FileError)
  func rename(_ path: String, to target: String) throws(FileError)
  /// Removes a file; fine if it is not there.
  func remove(_ path: String) throws(FileError)
  /// Takes the lock on a file, making it if it is not there. Nil: someone else has it.
  func lock(_ path: String) throws(FileError) -> FileLock?
}

package struct FileIdentity: Hashable, Sendable {
  package var inode: UInt64
  /// When the file was made, ns since 1970; 0 where the file system does not say.
  package var birth: Int64

  package init(inode: UInt64, birth: Int64) {
    self.inode = inode
    self.birth = birth
  }
}

/// A system call that failed.
package struct FileError: Error, Hashable, Sendable {
  package var operation: String
  package var path: String
  /// The `errno`.
  package var code: Int32

  package init(operation: String, path: String, code: Int32) {
    self.operation = operation
    self.path = path
    self.code = code
  }
}
