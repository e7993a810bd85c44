internal import Glibc

/// What the operating system answered: an `errno`.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
  package let number: Int32

  package init(_ number: Int32) { self.number = number }

  /// The error of the last system call on this thread.
  static var last: SystemError { SystemError(errno) }

  /// The system's own words, in lower case as they stand inside a sentence.
  package var description: String {
    // glibc 2.32 and later keep the text of unknown numbers per thread, so this is safe from all threads.
    guard let text = unsafe strerror(number) else { return "error \(number)" }
    let sentence = unsafe String(cString: text)
    return sentence.prefix(1).lowercased() + sentence.dropFirst()
  }
}
