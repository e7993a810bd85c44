internal import Glibc

/// A failed system call on a file.
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

  /// What a file would need is not free on its disk.
  package static func noRoom(_ path: String) -> FileError { FileError(operation: "write", path: path, code: ENOSPC) }

  /// The call that just failed on this thread.
  package init(_ operation: String, _ path: String) { self.init(operation, path, .last) }

  package init(_ operation: String, _ path: String, _ error: SystemError) {
    self.init(operation: operation, path: path, code: error.number)
  }

  /// Whether the disk is full, so that the same operation may succeed later.
  ///
  /// Never true for a sync: after a failed sync the state of the data is unknown, whatever the reason, and a second one
  /// may report success although data was lost.
  package var isDiskFull: Bool { operation != Self.synchronizing && (code == ENOSPC || code == EDQUOT) }

  package static let synchronizing = "fsync"

  /// The system's description of the error.
  package var text: String { SystemError(code).text }
}
