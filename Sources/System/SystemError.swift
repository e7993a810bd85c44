internal import Glibc

/// An error of the operating system: an `errno`.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
  package let number: Int32

  package init(_ number: Int32) { self.number = number }

  /// The error of the last system call on this thread.
  package static var last: SystemError { SystemError(errno) }

  /// The system's description.
  package var text: String {
    // glibc 2.32 and later keep the text of unknown numbers per thread, so this is safe from all threads.
    unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
  }

  /// The system's words in lower case, for use inside a sentence.
  package var description: String { text.prefix(1).lowercased() + text.dropFirst() }
}
