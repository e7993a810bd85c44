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
/// check 5b2f6b1c0d9e8f7a
/// ```
///
/// The archive in `directory` has the segments up to `through`; 0 before it has one. `deleted` has the id of a stream,
/// and the first and the last of its numbers that a command has deleted and the archive may have yet.
final class ArchiveNotes: Sendable {
  struct Deletion: Hashable, Sendable {
    var stream: Int64
    var numbers: ClosedRange<UInt64>
  }

  struct Content: Hashable, Sendable {
    var directory = ""
    var through: Int64 = 0
    var deletions: [Deletion] = []
  }

  static let format = 1
  /// Deletions that wait for the archive.
  static let deletionCountMax = 10_000

  private let paths: StorePaths
  private let files: any FileSystem
  private let state: Mutex<Content?>

  /// - Throws: if the file is damaged, of a newer version, or cannot be read.
  init(_ paths: StorePaths, _ files: any FileSystem) throws(StoreError) {
    self.paths = paths
    self.files = files
    let content: [UInt8]?
    do throws(FileError) { content = try files.read(paths.archive) } catch { throw StoreError(error, while: "read") }
    state = Mutex(
      try content.map { (bytes) throws(StoreError) in
        try Content(parsing: String(decoding: bytes, as: UTF8.self), paths.archive)
      })
  }

  /// Nil while there never was an archive.
  var content: Content? { state.withLock { $0 } }

  /// Notes what was deleted: when it returns, the archive will hear of it, whatever happens.
  func note(_ deletion: Deletion) throws(StoreError) {
    try change { content throws(StoreError) in
      guard !content.deletions.contains(deletion) else { return }
      guard content.deletions.count < Self.deletionCountMax else {
        throw StoreError(
          .busy,
          """
          \(Self.deletionCountMax) deletions wait for the archive in \(content.directory), which is the limit; see to \
          it that the server can write there
          """)
      }
      content.deletions.append(deletion)
    }
  }

  /// The archive has done these, or has nothing of them.
  func finish(_ deletions: [Deletion]) throws(StoreError) {
    let done = Set(deletions)
    try change { content throws(StoreError) in content.deletions.removeAll { done.contains($0) } }
  }

  func note(directory: String, through: Int64) throws(StoreError) {
    try change { content throws(StoreError) in (content.directory, content.through) = (directory, through) }
  }

  private func change(_ body: (inout Content) throws(StoreError) -> Void) throws(StoreError) {
    try state.withLock { content throws(StoreError) in
      var changed = content ?? Content()
      try body(&changed)
      if changed == content { return }
      do throws(FileError) {
        try files.replace(paths.archive, temporary: paths.archiveTemporary) { _ in Array(changed.text.utf8) }
        try files.synchronize(directory: paths.directory)
      } catch {
        throw StoreError(error, while: "write")
      }
      content = changed
    }
  }
}

extension ArchiveNotes.Content {
  private var body: String {
    let lines = deletions.map { "deleted \($0.stream) \($0.numbers.lowerBound) \($0.numbers.upperBound)\n" }
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
      \(path) is damaged. Remove it to go on; what was deleted and is not deleted in the archive yet stays there then
      """)
    guard lines.popLast() == "", lines.popLast()?.hasPrefix("check ") == true, lines.count >= 3,
      lines[1].hasPrefix("directory "), lines[2].hasPrefix("through "), let through = Int64(lines[2].dropFirst(8))
    else { throw damage }
    self.init(directory: String(lines[1].dropFirst(10)), through: through)
    for line in lines[3...] {
      let words = line.split(separator: " ", omittingEmptySubsequences: false)
      guard words.count == 4, words[0] == "deleted", let stream = Int64(words[1]), let first = UInt64(words[2]),
        let last = UInt64(words[3]), first <= last
      else { throw damage }
      deletions.append(ArchiveNotes.Deletion(stream: stream, numbers: first...last))
    }
    guard self.text == text else { throw damage }
  }
}
