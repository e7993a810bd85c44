internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// The file `archive` of a data directory: what is to be remembered while the archive cannot be reached
/// (`spec/storage.md`, section 9). Text:
///
/// ```
/// logs-archive 1
/// directory /mnt/archive/logs
/// through 40
/// deleted 7 1 5000
/// unreadable 17
/// intended 8 3 90 12
/// check 5b2f6b1c0d9e8f7a
/// ```
///
/// The archive in `directory` has the segments up to `through`; 0 before it has one. `deleted` has the id of a stream,
/// and the first and the last of its numbers that a command has deleted and the archive may have yet, or get.
/// `unreadable` is an archived segment that could not be read when what was deleted was to be taken from it. `intended`
/// is a deletion that was about to be recorded in the data directory: it counts if `$audit` has the entry of that
/// number, which is part of the same transaction.
final class ArchiveNotes: Sendable {
  struct Deletion: Hashable, Sendable {
    var stream: Int64
    var numbers: ClosedRange<UInt64>
  }

  /// A deletion that is noted, and may not be recorded yet.
  struct Intent: Hashable, Sendable {
    var deletion: Deletion
    /// The number that its entry in `$audit` gets.
    var entry: UInt64
  }

  struct Content: Hashable, Sendable {
    var directory = ""
    var through: Int64 = 0
    /// Ranges of one stream neither overlap nor touch.
    var deletions: [Deletion] = []
    /// Ascending.
    var unreadable: [Int64] = []
    var intent: Intent?
  }

  private struct State: Sendable {
    var content: Content?
    /// Whether the file says the same as `content`.
    var isWritten = true
  }

  static let format = 1
  /// Deletions that wait for the archive.
  static let deletionCountMax = 10_000

  private let paths: StorePaths
  private let files: any FileSystem
  private let state: Mutex<State>

  /// - Throws: if the file is damaged, of a newer version, or cannot be read.
  init(_ paths: StorePaths, _ files: any FileSystem) throws(StoreError) {
    self.paths = paths
    self.files = files
    let content: [UInt8]?
    do throws(FileError) { content = try files.read(paths.archive) } catch { throw StoreError(error, while: "read") }
    state = Mutex(
      State(
        content: try content.map { (bytes) throws(StoreError) in
          try Content(parsing: String(decoding: bytes, as: UTF8.self), paths.archive)
        }))
  }

  /// Nil while there never was an archive.
  var content: Content? { state.withLock { $0.content } }

  /// Notes what is to be deleted, before that is recorded. `settle` has to follow: after a crash at the next start.
  ///
  /// - Throws: if it cannot be noted. Then it must not be deleted.
  func intend(_ intent: Intent) throws(StoreError) {
    try change { content throws(StoreError) in
      let old = content
      content.add(intent.deletion)
      guard content.deletions.count <= Self.deletionCountMax else {
        throw StoreError(
          .busy,
          """
          \(Self.deletionCountMax) deletions wait for the archive \(content.directory), which is the limit. See to it \
          that the server has the setting 'archive' and can write there, and have what is not archived yet sealed \
          (logs seal); or give the archive up: stop the server, take the setting away and remove \(paths.archive)
          """)
      }
      content = old
      content.intent = intent
    }
  }

  /// Says whether what was intended is recorded.
  ///
  /// That it is needs no write: a start that finds the intent comes to the same by the entry in `$audit`.
  func settle(isRecorded: Bool) {
    let isIntended = state.withLock { state in
      guard let intent = state.content?.intent else { return false }
      state.content?.intent = nil
      state.isWritten = false
      if isRecorded { state.content?.add(intent.deletion) }
      return true
    }
    // If this fails, it is done with the next change: before there is another entry in `$audit` in any case.
    if isIntended, !isRecorded { write() }
  }

  /// Has the file say what is known, if it does not and can be written.
  func write() {
    guard content != nil else { return }
    do throws(StoreError) { try change { _ throws(StoreError) in } } catch {}
  }

  /// Has notes reach no further than their streams do: what gets a higher number later is something else. Only after a
  /// repair do streams have less than was deleted of them. A disk that is full does not keep it from being known; then
  /// `write` has to follow.
  ///
  /// - Parameter head: the last number of a stream; nil if there is no such stream.
  func limit(toHeads head: (Int64) -> UInt64?) {
    state.withLock { state in
      guard let content = state.content else { return }
      let deletions = content.deletions.compactMap { deletion in
        guard let last = head(deletion.stream), last < deletion.numbers.upperBound else { return deletion }
        return deletion.part(through: last)
      }
      guard deletions != content.deletions else { return }
      state.content?.deletions = deletions
      state.isWritten = false
    }
  }

  /// Notes what the archive has, and what it has done.
  ///
  /// - Parameter rests: for each deletion that it has done as far as it reaches what is left of that.
  func note(
    directory: String, through: Int64, unreadable: Set<Int64>, rests: [Deletion: Deletion?]
  ) throws(StoreError) {
    try change { content throws(StoreError) in
      (content.directory, content.through, content.unreadable) = (directory, through, unreadable.sorted())
      // One that has grown meanwhile is another one.
      content.deletions = content.deletions.compactMap { rests[$0] ?? $0 }
    }
  }

  /// Notes which archived segments cannot be read.
  func note(unreadable: Set<Int64>) throws(StoreError) {
    try change { content throws(StoreError) in content.unreadable = unreadable.sorted() }
  }

  private func change(_ body: (inout Content) throws(StoreError) -> Void) throws(StoreError) {
    try state.withLock { state throws(StoreError) in
      var changed = state.content ?? Content()
      try body(&changed)
      if changed == state.content, state.isWritten { return }
      state.isWritten = false
      do throws(FileError) {
        try files.replace(paths.archive, temporary: paths.archiveTemporary) { _ in Array(changed.text.utf8) }
        try files.synchronize(directory: paths.directory)
      } catch {
        throw StoreError(error, while: "write")
      }
      state = State(content: changed)
    }
  }
}

extension ArchiveNotes.Content {
  /// The last segment that the archive in `path` has as far as this tells; nil means the one that was written last.
  func through(in path: String?) -> Int64 { path == nil || path == directory ? through : 0 }

  /// Whether the archive in `path`, which has not been read, may have anything.
  func mayHaveSegments(in path: String?) -> Bool {
    // Of another one than the last nothing is known.
    through > 0 || (path != nil && path != directory && !directory.isEmpty)
  }

  fileprivate mutating func add(_ deletion: ArchiveNotes.Deletion) {
    var added = deletion
    var kept: [ArchiveNotes.Deletion] = []
    for other in deletions {
      if other.stream == added.stream, other.numbers.touches(added.numbers) {
        let first = min(added.numbers.lowerBound, other.numbers.lowerBound)
        added.numbers = first...max(added.numbers.upperBound, other.numbers.upperBound)
      } else {
        kept.append(other)
      }
    }
    deletions = kept + [added]
  }

  private var body: String {
    var lines = deletions.map { "deleted \($0.words)\n" } + unreadable.map { "unreadable \($0)\n" }
    if let intent { lines.append("intended \(intent.deletion.words) \(intent.entry)\n") }
    return "logs-archive \(ArchiveNotes.format)\ndirectory \(directory)\nthrough \(through)\n\(lines.joined())"
  }

  fileprivate var text: String { "\(body)check \(XXH3.hash(ByteString(body).span).hexadecimal)\n" }

  fileprivate init(parsing text: String, _ path: String) throws(StoreError) {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if let first = lines.first, first.hasPrefix("logs-archive "), first != "logs-archive \(ArchiveNotes.format)" {
      throw StoreError(
        .notAStore, "\(path) has the format of '\(first)', this program knows \(ArchiveNotes.format); use a newer one")
    }
    let damage = StoreError(
      .damaged,
      """
      \(path) is damaged. Stop the server and remove it to go on; what was deleted and is not deleted in the archive \
      yet stays there then
      """)
    guard lines.popLast() == "", lines.popLast()?.hasPrefix("check ") == true, lines.count >= 3,
      lines[1].hasPrefix("directory "), lines[2].hasPrefix("through "), let through = Int64(lines[2].dropFirst(8))
    else { throw damage }
    self.init(directory: String(lines[1].dropFirst(10)), through: through)
    for line in lines[3...] {
      let words = line.split(separator: " ", omittingEmptySubsequences: false)
      if words.count == 2, words[0] == "unreadable", let number = Int64(words[1]) {
        unreadable.append(number)
        continue
      }
      guard words.count >= 4, let stream = Int64(words[1]), let first = UInt64(words[2]), let last = UInt64(words[3]),
        first <= last, last <= Limits.numberMax
      else { throw damage }
      let deletion = ArchiveNotes.Deletion(stream: stream, numbers: first...last)
      if words.count == 4, words[0] == "deleted" {
        deletions.append(deletion)
      } else if words.count == 5, words[0] == "intended", let entry = UInt64(words[4]) {
        intent = ArchiveNotes.Intent(deletion: deletion, entry: entry)
      } else {
        throw damage
      }
    }
    guard self.text == text else { throw damage }
  }
}

extension ArchiveNotes.Deletion {
  /// Whether it is one of a whole stream, whose numbers nothing else gets.
  var isWhole: Bool { numbers == 1...Limits.numberMax }

  /// Nil if it begins later.
  func part(through last: UInt64) -> Self? {
    guard numbers.lowerBound <= last else { return nil }
    return Self(stream: stream, numbers: numbers.lowerBound...min(last, numbers.upperBound))
  }

  /// Nil if it ends there or before.
  func part(behind last: UInt64) -> Self? {
    guard numbers.upperBound > last else { return nil }
    return Self(stream: stream, numbers: max(last + 1, numbers.lowerBound)...numbers.upperBound)
  }

  fileprivate var words: String { "\(stream) \(numbers.lowerBound) \(numbers.upperBound)" }
}

extension ClosedRange<UInt64> {
  /// Whether they overlap, or one begins where the other ends. Sequence numbers have 63 bits.
  func touches(_ other: ClosedRange<UInt64>) -> Bool {
    lowerBound <= other.upperBound + 1 && other.lowerBound <= upperBound + 1
  }
}
