internal import LogsSystem
internal import LogsWire

/// The file `manifest` of a backup: which files it has, and what they are (`spec/storage.md`, section 9). Text:
///
/// ```
/// logs-backup 1
/// store 1f0c5a0d6f3b4c7e9a8b7c6d5e4f3a2b
/// newest 12
/// made 1763610000000000000
/// file 81920 5b2f6b1c0d9e8f7a 4194313 1763600000000000000 segments/0000000001.db
/// check 5b2f6b1c0d9e8f7a
/// ```
///
/// Format 2 is that of an archive, which no backup may be made into.
struct BackupManifest: Hashable, Sendable {
  static let format = 1
  static let archiveFormat = 2
  static let name = "manifest"

  /// A file of the backup.
  struct File: Hashable, Sendable {
    var digest: FileDigest
    /// The file that it is a copy of, as it was then; nil if it was made for the backup.
    var source: FileStamp?
  }

  var store: InstanceID
  var newest: Int64
  /// The time of the moment that it shows, ns since 1970.
  var madeAt: Int64
  /// Whether it is what a server keeps of its own.
  var isArchive = false
  var kind: BackupKind { isArchive ? .archive : .backup }
  /// By their names within the directory.
  var files: [String: File] = [:]

  private var body: String {
    let lines = files.sorted { $0.key < $1.key }.map { name, file in
      """
      file \(file.digest.byteCount) \(file.digest.check.hexadecimal) \(file.source?.inode ?? 0) \
      \(file.source?.modified ?? 0) \(name)
      """
    }
    let format = isArchive ? Self.archiveFormat : Self.format
    return (["logs-backup \(format)", "store \(store)", "newest \(newest)", "made \(madeAt)"] + lines)
      .joined(separator: "\n") + "\n"
  }

  var text: String { "\(body)check \(XXH3.hash(ByteString(body).span).hexadecimal)\n" }

  init(store: InstanceID, newest: Int64, madeAt: Int64, isArchive: Bool = false) {
    self.store = store
    self.newest = newest
    self.madeAt = madeAt
    self.isArchive = isArchive
  }

  /// - Returns: nil if there is no such file.
  static func load(_ path: String, _ files: PosixFileSystem) throws(StoreError) -> BackupManifest? {
    let content: [UInt8]?
    do throws(FileError) { content = try files.read(path) } catch { throw StoreError(error, while: "read") }
    guard let content else { return nil }
    return try BackupManifest(parsing: String(decoding: content, as: UTF8.self), path)
  }

  private init(parsing text: String, _ path: String) throws(StoreError) {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let isArchive = lines.first == "logs-backup \(Self.archiveFormat)"
    if let first = lines.first, first.hasPrefix("logs-backup "), !isArchive, first != "logs-backup \(Self.format)" {
      throw StoreError(
        .notAStore, "\(path) has the format of '\(first)', this program knows \(Self.archiveFormat); use a newer one")
    }
    let damage = StoreError(.damaged, "\(path) is damaged; \((isArchive ? BackupKind.archive : .backup).renewal)")
    guard lines.popLast() == "", let check = lines.popLast(), lines.count >= 4,
      let store = Self.value("store", lines[1]).flatMap(InstanceID.init(parsing:)),
      let newest = Self.value("newest", lines[2]).flatMap({ Int64($0) }), newest > 0,
      let madeAt = Self.value("made", lines[3]).flatMap({ Int64($0) })
    else { throw damage }
    self.init(store: store, newest: newest, madeAt: madeAt, isArchive: isArchive)
    for line in lines[4...] {
      let words = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: false).map(String.init)
      guard words.count == 6, words[0] == "file", let byteCount = Int(words[1]), byteCount >= 0,
        let check = UInt64(words[2], radix: 16), let inode = UInt64(words[3]), let modified = Int64(words[4]),
        Self.isName(words[5])
      else { throw damage }
      files[words[5]] = File(
        digest: FileDigest(byteCount: byteCount, check: check),
        source: inode == 0 ? nil : FileStamp(inode: inode, byteCount: byteCount, modified: modified))
    }
    guard self.text == text, check.hasPrefix("check ") else { throw damage }
  }

  private static func value(_ name: String, _ line: String) -> String? {
    line.hasPrefix("\(name) ") ? String(line.dropFirst(name.utf8.count + 1)) : nil
  }

  /// Whether a backup may have a file of this name: what leads out of its directory is none.
  private static func isName(_ name: String) -> Bool {
    if ["store", "tokens", "journal"].contains(name) { return true }
    guard name.hasPrefix("segments/") else { return false }
    return StorePaths.segment(ofFile: String(name.dropFirst("segments/".utf8.count))) != nil
  }

  /// The segments that it has, ascending.
  var segments: [Int64] {
    files.keys.compactMap { $0.hasPrefix("segments/") ? StorePaths.segmentNumber(String($0.dropFirst(9))) : nil }
      .sorted()
  }
}
