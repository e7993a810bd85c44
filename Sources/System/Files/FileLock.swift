internal import Glibc

/// A lock on a file for as long as this lives. The system drops it when the process ends, however it ends.
package final class FileLock: Sendable {
  private let file: Descriptor

  init(adopting file: consuming Descriptor) { self.file = file }

  /// Writes this process's id, for a process that is refused the lock to report. A full disk is no reason not to take
  /// it.
  static func noteOwner(in file: borrowing Descriptor) {
    guard ftruncate(file.number, 0) == 0 else { return }
    let text = Array("\(getpid())\n".utf8)
    _ = unsafe text.withUnsafeBytes { unsafe pwrite(file.number, $0.baseAddress, $0.count, 0) }
  }

  /// The process that took the lock last; nil if it did not leave its id.
  package static func owner(noted content: [UInt8]?) -> Int32? {
    Int32(String(decoding: (content ?? []).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
  }

  /// Unlocked, not only closed: a child process holds a copy of the descriptor, and the lock with it, until its exec.
  deinit { flock(file.number, LOCK_UN) }
}
