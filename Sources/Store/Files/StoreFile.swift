internal import LogsSystem
internal import LogsWire

/// The file `store`: what must be known before any segment is opened. Text, one `name value` per line:
///
/// ```
/// logs-store 1
/// id 1f0c5a0d6f3b4c7e9a8b7c6d5e4f3a2b
/// newest 12
/// state open
/// file 4194313 1763610000000000000
/// check 5b2f6b1c0d9e8f7a
/// ```
///
/// `newest` is the number of the newest segment, 0 before there is one; `state` is `open` while a process uses the
/// directory and `clean` after an orderly stop; `file` is the inode and birth time of this very file, so that a copy
/// can be recognized; `check` is the XXH3-64 of the lines before it.
struct StoreFile: Hashable, Sendable {
  static let format = 1

  var id: InstanceID
  var newest: Int64
  var isClean: Bool
  /// The file that this was read from, as it was when it was written.
  var identity: FileIdentity

  /// Replaces the file: either the old content or the new is there after a crash.
  ///
  /// - Throws: `diskFull` only if the old content is still in place. Once the file has been renamed there is no way
  ///   back, since a crash may leave either content.
  func save(_ paths: StorePaths, _ files: any FileSystem) throws(StoreError) {
    do {
      // Its identity is known once it exists.
      try files.replace(paths.store, temporary: paths.storeTemporary) { identity in
        var saved = self
        saved.identity = identity
        return Array(saved.text.utf8)
      }
    } catch {
      throw StoreError(error, while: "replace the file")
    }
    do {
      try files.synchronize(directory: paths.directory)
    } catch {
      throw StoreError(failedSync: error, while: "replace the file 'store' in")
    }
  }

  /// - Returns: nil when the file does not exist.
  static func load(_ paths: StorePaths, _ files: any FileSystem) throws(StoreError) -> StoreFile? {
    let content: [UInt8]?
    do { content = try files.read(paths.store) } catch { throw StoreError(error, while: "read") }
    guard let content else { return nil }
    return try StoreFile(parsing: String(decoding: content, as: UTF8.self), path: paths.store)
  }

  private var body: String {
    """
    logs-store \(Self.format)
    id \(id)
    newest \(newest)
    state \(isClean ? "clean" : "open")
    file \(identity.inode) \(identity.birth)

    """
  }

  /// The whole file.
  var text: String { "\(body)check \(XXH3.hash(ByteString(body).span).hexadecimal)\n" }

  private init(parsing text: String, path: String) throws(StoreError) {
    let lines = text.utf8.split(separator: UInt8(ascii: "\n")).map { line in
      line.split(separator: UInt8(ascii: " ")).map { String(Substring($0)) }
    }
    if let first = lines.first, first.count == 2, first[0] == "logs-store", first[1] != String(Self.format),
      !Self.isCurrent(text)
    {
      throw StoreError(
        .notAStore, "\(path) has format \(first[1]), this program knows format \(Self.format); use a newer one")
    }
    let names = ["logs-store", "id", "newest", "state", "file", "check"]
    guard lines.count == names.count, zip(lines, names).allSatisfy({ $0.first == $1 && $0.count >= 2 }),
      let id = InstanceID(parsing: lines[1][1]), let newest = Int64(lines[2][1]), newest >= 0, lines[4].count == 3,
      let inode = UInt64(lines[4][1]), let birth = Int64(lines[4][2])
    else {
      throw StoreError(.damaged, "\(path) is damaged; restore it from a backup of the data directory")
    }
    self.init(
      id: id, newest: newest, isClean: lines[3][1] == "clean", identity: FileIdentity(inode: inode, birth: birth))
    if self.text != text {
      throw StoreError(
        .damaged, "\(path) is damaged: its check is wrong; restore it from a backup of the data directory")
    }
  }

  /// Whether a file that names another format passes its check with this one's: then its first line is damaged.
  private static func isCurrent(_ text: String) -> Bool {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count > 2, lines[lines.count - 1].isEmpty else { return false }
    let body = (["logs-store \(format)"] + lines[1..<lines.count - 2] + [""]).joined(separator: "\n")
    return lines[lines.count - 2] == "check \(XXH3.hash(ByteString(body).span).hexadecimal)"
  }

  init(id: InstanceID, newest: Int64, isClean: Bool, identity: FileIdentity = FileIdentity(inode: 0, birth: 0)) {
    self.id = id
    self.newest = newest
    self.isClean = isClean
    self.identity = identity
  }
}
