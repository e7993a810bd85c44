import Foundation

/// What a process has written to a pipe so far, and a way to wait for more.
///
/// Invariant behind `@unchecked Sendable`: all state is touched only under `condition`.
final class Capture: @unchecked Sendable {
  private let condition = NSCondition()
  private var content: [UInt8] = []
  private var newlines = 0
  private var isOver = false

  func append(_ bytes: ArraySlice<UInt8>) {
    condition.withLock {
      content.append(contentsOf: bytes)
      newlines += bytes.count { $0 == UInt8(ascii: "\n") }
      condition.broadcast()
    }
  }

  func end() {
    condition.withLock {
      isOver = true
      condition.broadcast()
    }
  }

  var bytes: [UInt8] { condition.withLock { content } }
  var text: String { String(decoding: bytes, as: UTF8.self) }
  var lineCount: Int { condition.withLock { newlines } }
  var lines: [String] { text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init) }

  /// Waits until `isEnough` accepts the bytes and the count of whole lines, or the output has ended.
  ///
  /// - Returns: whether there was enough before the end.
  func wait(
    for what: String, within patience: Duration = Environment.patience, until isEnough: ([UInt8], Int) -> Bool
  ) throws -> Bool {
    let deadline = Date(timeIntervalSinceNow: patience / .seconds(1))
    condition.lock()
    defer { condition.unlock() }
    while !isEnough(content, newlines) {
      if isOver { return false }
      if !condition.wait(until: deadline) {
        throw Failure("\(what) did not come in \(patience); so far \(newlines) lines: \(Sample(content))")
      }
    }
    return true
  }

  func waitForLines(_ count: Int) throws {
    guard try wait(for: "\(count) lines", until: { $1 >= count }) else {
      throw Failure("the output ended after \(lineCount) of \(count) lines: \(Sample(bytes))")
    }
  }

  func waitForText(_ text: String, within patience: Duration = Environment.patience) throws {
    let wanted = Array(text.utf8)
    // Each search begins where the previous one ended, except for text that may have been cut.
    var start = 0
    let isFound = try wait(for: "'\(text)'", within: patience) { content, _ in
      defer { start = max(0, content.count - wanted.count) }
      return content[start...].firstRange(of: wanted) != nil
    }
    guard isFound else { throw Failure("the output ended without '\(text)': \(Sample(bytes))") }
  }
}

/// The end of some output, for a message.
struct Sample: CustomStringConvertible {
  let description: String

  init(_ bytes: [UInt8]) {
    let shown = String(decoding: bytes.suffix(600), as: UTF8.self)
    description = (bytes.count > 600 ? "..." : "") + shown.debugDescription
  }
}
