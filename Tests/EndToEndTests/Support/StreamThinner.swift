import Foundation
import Glibc

/// Takes entries away from a stream of a server while others fill and follow it.
enum StreamThinner {
  /// The retention rule of the server: what one stream of the pattern gets is trimmed from all, the oldest first.
  static let rule = "faults/**: 1MB"
  /// A push of this size trims all that is older and begins another segment.
  static let allByteCount = 1_600_000
  /// The stream for which the others are trimmed.
  private static let ballast = "faults/ballast"

  /// Pushes so much to another stream.
  static func push(_ byteCount: Int, _ server: TestServer, _ random: inout Seeded) throws {
    let lines = (0..<byteCount / 1_000).map { _ in random.letters(1_000) }
    let pushed = try server.run(["push", ballast, try server.scene.file("ballast", LogLines.file(lines))])
    guard pushed.exit == .code(0) else { throw Failure("the ballast is not stored: \(pushed.errors)") }
  }

  /// A `logs delete` of a range that is under way.
  struct Deletion {
    let numbers: ClosedRange<UInt64>
    fileprivate let process: ChildProcess

    /// Waits for its end.
    ///
    /// - Returns: the first and last number that it has deleted; nil if there were none, or no answer.
    func finish() throws -> ClosedRange<UInt64>? {
      let exit = try process.wait()
      // The stream may not be there yet, or the server be gone.
      guard exit == .code(0), !process.output.bytes.isEmpty else { return nil }
      guard let answer = try JSONSerialization.jsonObject(with: Data(process.output.bytes)) as? [String: Any] else {
        throw Failure("a deletion said \(Sample(process.output.bytes))")
      }
      guard let first = answer["first"] as? Int, let last = answer["last"] as? Int else { return nil }
      return UInt64(first)...UInt64(last)
    }
  }

  /// Begins to delete some entries.
  ///
  /// - Parameter last: the highest number that they begin at.
  static func begin(
    _ stream: String, _ server: TestServer, _ random: inout Seeded, upTo last: UInt64 = 2_000
  ) throws -> Deletion {
    let first = UInt64.random(in: 1...last, using: &random)
    let numbers = first...first + UInt64.random(in: 0...400, using: &random)
    let words = ["--from-seq", "\(numbers.lowerBound)", "--to-seq", "\(numbers.upperBound)", "--yes", "-o", "json"]
    let process = try server.start(["delete", stream] + words, via: server.ownerURL)
    return Deletion(numbers: numbers, process: process)
  }
}
