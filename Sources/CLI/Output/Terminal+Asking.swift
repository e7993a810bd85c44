internal import Glibc

/// A question to the person at the terminal.
extension Terminal {
  /// How often a wait for the answer checks whether it was cancelled.
  private static let pollMilliseconds: Int32 = 100

  /// Whether somebody can read a question on stderr and answer it on stdin.
  static var canAsk: Bool { isErrorTerminal && isatty(STDIN_FILENO) == 1 }

  /// Asks on stderr, and reads a line from stdin.
  ///
  /// - Returns: whether the answer is yes; anything but `y` and `yes` is no.
  /// - Throws: `CancellationError` when the task is cancelled meanwhile.
  static func ask(_ question: String) throws -> Bool {
    progress("\(question) [y/N] ")
    var answer: String?
    // The person's Return has ended the line.
    defer { keepProgress(endsLine: answer == nil) }
    answer = try readLine()
    return answer.map(isYes) ?? false
  }

  static func isYes(_ answer: String) -> Bool {
    let words = answer.lowercased().split { $0.isWhitespace }
    return words == ["y"] || words == ["yes"]
  }

  /// A line; nil at the end of the input.
  private static func readLine() throws -> String? {
    var line: [UInt8] = []
    while true {
      try Task.checkCancellation()
      var descriptor = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
      guard unsafe poll(&descriptor, 1, pollMilliseconds) > 0 else { continue }
      var byte: UInt8 = 0
      let count = unsafe read(STDIN_FILENO, &byte, 1)
      if count < 0, errno == EINTR || errno == EAGAIN { continue }
      if count <= 0 { return nil }
      if byte == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
      line.append(byte)
    }
  }
}
