internal import Glibc

/// A lock on a file for the lifetime of this value. The system drops it when the process ends, however it ends.
package final class FileLock: Sendable {
  private let file: Descriptor

  init(adopting file: consuming Descriptor) { self.file = file }

  /// Writes this process's id, so that a process that is refused the lock can report it. A full disk does not prevent
  /// taking the lock.
  static func noteOwner(in file: borrowing Descriptor) {
    guard ftruncate(file.number, 0) == 0 else { return }
    let text = Array("\(getpid())\n".utf8)
    _ = unsafe text.withUnsafeBytes { unsafe pwrite(file.number, $0.baseAddress, $0.count, 0) }
  }

  /// The process that took the lock last; nil if it did not leave its id.
  package static func owner(noted content: [UInt8]?) -> Int32? {
    Int32(String(decoding: (content ?? []).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
  }

  /// Unlocked, not just closed: until its exec, a child process holds a copy of the descriptor, and with it the lock.
  deinit { flock(file.number, LOCK_UN) }
}
