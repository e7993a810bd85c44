/// Access to files and directories, so that tests can make system calls fail and simulate power loss.
///
/// Never used on a database that SQLite has open: a plain open and close would drop SQLite's POSIX locks on it
/// (https://www.sqlite.org/howtocorrupt.html, section 2.2).
package protocol FileSystem: Sendable {
  /// Creates a directory; does nothing if it exists.
  ///
  /// - Returns: whether it was created.
  func makeDirectory(_ path: String) throws(FileError) -> Bool
  /// The names in a directory, in no particular order.
  func list(_ directory: String) throws(FileError) -> [String]
  /// The size of a file, nil if it does not exist. Does not open it.
  func byteCount(_ path: String) throws(FileError) -> Int?
  /// Identifies this file as opposed to a copy of it; it never changes.
  func identity(_ path: String) throws(FileError) -> FileIdentity
  /// The whole content of a small file, nil if it does not exist.
  func read(_ path: String) throws(FileError) -> [UInt8]?
  /// The bytes of a file from `offset` on, up to this many, as many as there are; nil if it does not exist.
  func read(_ path: String, atMost byteCount: Int, from offset: Int) throws(FileError) -> [UInt8]?
  /// Creates an empty file, unless one exists.
  func make(_ path: String) throws(FileError)
  /// Replaces the content, creating the file if it is missing. A reader may see only part of it meanwhile or after a
  /// crash.
  func write(_ path: String, _ content: [UInt8]) throws(FileError)
  /// Extends a file to at least this length and allocates the space, creating the file if it is missing. Not durable
  /// until synced.
  func allocate(_ path: String, byteCount: Int) throws(FileError)
  /// The space that this user may still use on a directory's disk, and all that there is.
  func space(_ directory: String) throws(FileError) -> (free: Int, all: Int)
  func synchronize(file path: String) throws(FileError)
  func synchronize(directory path: String) throws(FileError)
  func rename(_ path: String, to target: String) throws(FileError)
  /// Removes a file; does nothing if it does not exist.
  func remove(_ path: String) throws(FileError)
  /// Takes the lock on a file, creating the file if it is missing; nil if someone else has the lock.
  func lock(_ path: String) throws(FileError) -> FileLock?
  /// Opens a file that exists for writes that are durable when they return.
  func openDurable(_ path: String) throws(FileError) -> any DurableFile
}

extension FileSystem {
  /// The first bytes of a file, as many as there are; nil if it does not exist.
  package func read(_ path: String, atMost byteCount: Int) throws(FileError) -> [UInt8]? {
    try read(path, atMost: byteCount, from: 0)
  }

  /// Replaces a file as a whole: a reader finds either the old content or the new, even after a crash or power loss.
  /// The change is durable once the directory is synced.
  ///
  /// - Parameters:
  ///   - temporary: the path of the new file until it is complete. A file left there by a process that was killed is
  ///     replaced.
  ///   - content: what the new file holds, which may name the file itself.
  package func replace(
    _ path: String, temporary: String, with content: (FileIdentity) -> [UInt8]
  ) throws(FileError) {
    do {
      // Created anew rather than truncated: an existing file may be a link, or another user's.
      try remove(temporary)
      try make(temporary)
      try write(temporary, content(try identity(temporary)))
      try synchronize(file: temporary)
      try rename(temporary, to: path)
    } catch {
      // A partial file only wastes space. It has no meaning, and if it cannot be removed, the next attempt does so.
      do { try remove(temporary) } catch _ { throw error }
      throw error
    }
  }
}

package struct FileIdentity: Hashable, Sendable {
  package var inode: UInt64
  /// When the file was created, ns since 1970; 0 where the file system does not say.
  package var birth: Int64

  package init(inode: UInt64, birth: Int64) {
    self.inode = inode
    self.birth = birth
  }
}
