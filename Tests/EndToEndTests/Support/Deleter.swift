import Foundation
import LogsClient
import Synchronization

/// Deletes random ranges of the stream `web`, and now and then the whole stream `app`, until it gets no answer or is
/// ended.
final class Deleter: Sendable {
  private let client: LogClient
  private let isOver = Atomic(false)
  private let begunCount = Atomic(0)

  init(_ server: TestServer) throws {
    client = try LogClient(LogClientConfiguration(servers: [server.url], name: "deleter"))
  }

  /// Has it end after what is under way. What has not been sent when the server dies is sent to the next one.
  func end() { isOver.store(true, ordering: .relaxed) }

  /// Returns when the next deletion begins, or after a second. Without a pause: a deletion takes a few milliseconds.
  func spinUntilNext() {
    let count = begunCount.load(ordering: .relaxed)
    let deadline = ContinuousClock.now + .seconds(1)
    while begunCount.load(ordering: .relaxed) == count, ContinuousClock.now < deadline {}
  }

  /// - Parameter count: the last number that `web` may have.
  /// - Returns: the deletions that were made, and at last one that may have been.
  func run(upTo count: Int, _ random: Seeded) async throws -> [DeletionAttempt] {
    var random = random
    var attempts: [DeletionAttempt] = []
    while !isOver.load(ordering: .relaxed) {
      var numbers: ClosedRange<Int>?
      switch random.next() % 40 {
      case 0: numbers = 1...max(1, count - Int.random(in: 600...3_000, using: &random))
      case 1...4: numbers = nil
      default:
        let first = Int.random(in: max(1, count - 900)...count, using: &random)
        numbers = first...first + Int.random(in: 0..<30, using: &random)
      }
      let stream = numbers == nil ? "app" : "web"
      let range = numbers.map { UInt64($0.lowerBound)...UInt64($0.upperBound) }
      do throws(LogError) {
        let name = try StreamName(stream)
        begunCount.add(1, ordering: .relaxed)
        let summary = try await client.delete(name, numbers: range)
        attempts.append(DeletionAttempt(stream: stream, numbers: numbers, summary: summary))
        // Deletions are not all there is to do.
        for _ in 0..<Int.random(in: 0...40, using: &random) { _ = try await client.streams() }
      } catch {
        // Nobody has pushed again yet.
        if error.code == .refused(.unknownStream) { continue }
        guard error.mayHaveTakenEffect else { throw error }
        attempts.append(DeletionAttempt(stream: stream, numbers: numbers, summary: nil))
        break
      }
    }
    await client.shutdown()
    return attempts
  }
}

struct DeletionAttempt {
  let stream: String
  /// Nil for the whole stream.
  let numbers: ClosedRange<Int>?
  /// Nil if there was no answer.
  let summary: DeletionSummary?

  /// The entry of the audit that belongs to it, if it has deleted anything.
  func take(from notes: inout ArraySlice<AuditNote>) throws -> AuditNote? {
    guard summary?.entryCount != 0 || numbers == nil else { return nil }
    guard let note = notes.first else {
      if summary == nil { return nil }
      throw Failure("the audit does not have \(self)")
    }
    let isSame = note.stream == stream && note.isWhole == (numbers == nil)
    let isWithin =
      numbers.map { $0.contains(note.numbers.lowerBound) && $0.contains(note.numbers.upperBound - 1) } ?? true
    guard isSame, isWithin, summary.map({ note.says($0) }) ?? true else {
      throw Failure("the audit has \(note) instead of \(self)")
    }
    notes.removeFirst()
    return note
  }
}

/// What the audit says of a deletion.
struct AuditNote {
  let stream: String
  let incarnation: String
  let isWhole: Bool
  let entryCount: Int
  /// Empty if no entry was deleted.
  let numbers: Range<Int>

  func says(_ summary: DeletionSummary) -> Bool {
    incarnation == summary.incarnation.description && entryCount == summary.entryCount
      && numbers == summary.numbers.map { Int($0.lowerBound)..<Int($0.upperBound) + 1 } ?? 0..<0
  }

  static func all(of server: TestServer) throws -> [AuditNote] {
    let audit = try server.run(["follow", "$audit", "-n", "all", "--until-head", "-o", "json"])
    return try audit.lines.map { line in
      guard let entry = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
        let attributes = entry["attributes"] as? [String: Any], let stream = attributes["stream"] as? String,
        let incarnation = attributes["incarnation"] as? String, let isWhole = attributes["whole"] as? Bool,
        let count = attributes["entries"] as? Int
      else { throw Failure("the audit has the entry \(line)") }
      let (from, to) = (attributes["from"] as? Int ?? 0, attributes["to"] as? Int ?? -1)
      return AuditNote(
        stream: stream, incarnation: incarnation, isWhole: isWhole, entryCount: count, numbers: from..<to + 1)
    }
  }
}
