internal import Glibc
internal import LogsSystem
internal import LogsWire

/// A directory that holds a backup, and the next one while that is made.
///
/// The next one is put together in `next`. Once `next/manifest` is there it is complete, and counts: its files take the
/// place of the old ones. Whatever a crash leaves of that is brought to an end before anything else is done. Meanwhile
/// there is no file `store`, so that no server starts on a mixture.
struct BackupDirectory {
  let path: String
  let kind: BackupKind
  let files = PosixFileSystem()
  /// Nil where only reading is possible and wanted.
  private let lock: FileLock?

  static let nextName = "next"

  var paths: StorePaths { StorePaths(directory: path) }
  var next: StorePaths { StorePaths(directory: "\(path)/\(Self.nextName)") }
  private var manifestPath: String { "\(path)/\(BackupManifest.name)" }
  private var nextManifestPath: String { "\(next.directory)/\(BackupManifest.name)" }

  /// Makes a directory for backups, or opens one, with nobody else in it.
  static func make(_ path: String, _ kind: BackupKind) throws(StoreError) -> BackupDirectory {
    let files = PosixFileSystem()
    do throws(FileError) {
      if try files.makeDirectory(path) { try files.synchronize(directory: "\(path)/..") }
    } catch { throw DirectoryPlace.error(error, while: "make the \(kind)", path) }
    if let fault = try fault(path, kind) { throw StoreError(.notAStore, fault) }
    return try BackupDirectory(path, kind, isToBeRead: false)
  }

  /// Why a directory can be none; nil if it can, or does not exist. Nothing is changed.
  static func fault(_ path: String, _ kind: BackupKind) throws(StoreError) -> String? {
    let files = PosixFileSystem()
    let names: Set<String>
    do throws(FileError) {
      guard try files.byteCount(path) != nil else { return nil }
      names = Set(try files.list(path))
    } catch { throw DirectoryPlace.error(error, while: "open the \(kind)", path) }
    let isBegun = try StoreError.of("look at") { () throws(FileError) in
      guard names.contains(nextName) else { return false }
      // Nothing else is in there, or it is not ours.
      let next = Set(try files.list("\(path)/\(nextName)"))
      let isInterrupted = names.isSubset(of: ["lock", "lost+found", nextName]) || next.contains(BackupManifest.name)
      return isInterrupted && next.isSubset(of: nextNames)
    }
    if names.contains(BackupManifest.name) || isBegun || names.isSubset(of: ["lock", "lost+found"]) { return nil }
    return "\(path) is not empty and is no \(kind); name another directory"
  }

  /// How long is waited for a server that works on its archive: for one segment.
  private static let patience = Duration.seconds(60)

  /// Opens a backup, with nobody else in it.
  static func open(_ path: String) throws(StoreError) -> BackupDirectory {
    let deadline = SystemClock.monotonic() &+ patience.nanoseconds
    while true {
      do throws(StoreError) { return try openNow(path) } catch {
        guard error.code == .locked, try kind(path) == .archive, SystemClock.monotonic() < deadline else { throw error }
        usleep(lockRetryMicroseconds)
      }
    }
  }

  private static let lockRetryMicroseconds: UInt32 = 20_000

  private static func kind(_ path: String) throws(StoreError) -> BackupKind {
    for directory in [path, "\(path)/\(nextName)"] {
      let manifest = try BackupManifest.load("\(directory)/\(BackupManifest.name)", PosixFileSystem())
      if let manifest { return manifest.kind }
    }
    return .backup
  }

  /// Keeps a server from its archive; nil for any other directory, and where nobody can write.
  static func lockArchive(_ path: String) throws(StoreError) -> FileLock? {
    do throws(StoreError) { if try kind(path) != .archive { return nil } } catch {
      // A check says what is wrong with it.
      return nil
    }
    return try open(path).lock
  }

  private static func openNow(_ path: String) throws(StoreError) -> BackupDirectory {
    let files = PosixFileSystem()
    let isThere = try StoreError.of("look at") { () throws(FileError) in
      for name in [BackupManifest.name, nextName] where try files.byteCount("\(path)/\(name)") != nil { return true }
      return false
    }
    guard isThere else {
      throw StoreError(.notAStore, try isNoBackup(path))
    }
    return try BackupDirectory(path, try kind(path), isToBeRead: true)
  }

  private static func isNoBackup(_ path: String) throws(StoreError) -> String {
    let files = PosixFileSystem()
    let (isThere, hasStore) = try StoreError.of("look at") { () throws(FileError) in
      (try files.byteCount(path) != nil, try files.byteCount("\(path)/store") != nil)
    }
    guard isThere else { return "there is no \(path); name a backup, or an archive" }
    let advice =
      hasStore
      ? "it is a data directory, which logsd backup makes a backup of; of a backup, copy all files"
      : "name one that logsd backup has made, or a server's archive"
    return "\(path) is no backup, since it has no file '\(BackupManifest.name)'; \(advice)"
  }

  private static let nextNames: Set<String> = [
    "segments", "store", "tokens", "journal", BackupManifest.name, "\(BackupManifest.name).tmp",
  ]

  private init(_ path: String, _ kind: BackupKind, isToBeRead: Bool) throws(StoreError) {
    (self.path, self.kind) = (path, kind)
    let files = files
    let isComplete = try StoreError.of("look at") { () throws(FileError) in
      try files.byteCount("\(path)/\(Self.nextName)/\(BackupManifest.name)") == nil
    }
    let (found, isReadOnly): (FileLock?, Bool)
    do throws(FileError) { (found, isReadOnly) = (try files.lock("\(path)/lock"), false) } catch {
      // Nobody else can write there either, or it is another user's.
      guard isToBeRead, isComplete, [EROFS, EACCES, EPERM].contains(error.code) else {
        throw DirectoryPlace.error(error, while: "lock the \(kind)", path)
      }
      (found, isReadOnly) = (nil, true)
    }
    guard found != nil || isReadOnly else {
      throw StoreError(.locked, "\(path) is in use by another process; try again when it ends")
    }
    lock = found
    try complete()
  }

  /// The backup that it holds; nil if there is none yet.
  func manifest() throws(StoreError) -> BackupManifest? {
    guard let manifest = try BackupManifest.load(manifestPath, files) else { return nil }
    let store = try StoreError.of("read") { () throws(FileError) in try files.digest(paths.store) }
    guard let store, store == manifest.files["store"]?.digest else {
      throw StoreError(
        .notAStore,
        "\(path) has been used as a data directory since the \(kind) was made; make the next one in another directory")
    }
    return manifest
  }

  /// Whether a file of the backup is there as it was. Without reading it that is seen by its size, and by the times of
  /// the files: one that was written to after the manifest is read.
  func has(_ name: String, _ file: BackupManifest.File, isRead: Bool) throws(FileError) -> Bool {
    let found = "\(path)/\(name)"
    guard let stamp = try files.stamp(found), stamp.byteCount == file.digest.byteCount else { return false }
    let made = try files.stamp(manifestPath)?.modified ?? .min
    if stamp.modified <= made, !isRead { return true }
    // What cannot be read is not there.
    do throws(FileError) { return try files.digest(found) == file.digest } catch { return false }
  }

  // MARK: the next backup

  /// Makes room for it.
  ///
  /// - Parameter keepsSegments: whether those stay that an interrupted attempt has copied, to be compared and used.
  func beginNext(keepsSegments: Bool) throws(StoreError) {
    try StoreError.of("make") { () throws(FileError) in
      _ = try files.makeDirectory(next.directory)
      _ = try files.makeDirectory(next.segments)
      for name in try files.list(next.directory) where name != "segments" {
        try files.remove("\(next.directory)/\(name)")
      }
      guard !keepsSegments else { return }
      for name in try files.list(next.segments) { try files.remove("\(next.segments)/\(name)") }
    }
  }

  /// Has the next backup count: from here on a crash changes nothing any more.
  func commit(_ manifest: BackupManifest) throws(StoreError) {
    try StoreError.of("make") { () throws(FileError) in
      // Left over from an attempt before.
      for name in try files.list(next.segments) where manifest.files["segments/\(name)"] == nil {
        try files.remove("\(next.segments)/\(name)")
      }
      try files.synchronize(directory: next.segments)
      try files.replace(nextManifestPath, temporary: "\(nextManifestPath).tmp") { _ in Array(manifest.text.utf8) }
      try files.synchronize(directory: next.directory)
      try files.synchronize(directory: path)
    }
    try complete()
  }

  /// Puts the files of a complete next backup in the place of the old ones, if there is one.
  private func complete() throws(StoreError) {
    guard let manifest = try BackupManifest.load(nextManifestPath, files) else { return }
    try checkUnused(manifest)
    try StoreError.of("complete the \(kind) with") { () throws(FileError) in
      // If that of the next one is in place already, only the manifest is to follow.
      if try files.byteCount(next.store) != nil {
        try files.remove(paths.store)
        try files.synchronize(directory: path)
      }
      _ = try files.makeDirectory(paths.segments)
      for name in manifest.files.keys.sorted() where name != "store" { try move(name) }
      for name in try files.list(paths.segments) where manifest.files["segments/\(name)"] == nil {
        try files.remove("\(paths.segments)/\(name)")
      }
      for name in ["tokens", "journal"] where manifest.files[name] == nil { try files.remove("\(path)/\(name)") }
      try files.synchronize(directory: paths.segments)
      try move("store")
      try files.rename(nextManifestPath, to: manifestPath)
      try files.synchronize(directory: path)
      for name in try files.list(next.segments) { try files.remove("\(next.segments)/\(name)") }
      try files.removeDirectory(next.segments)
      try files.removeDirectory(next.directory)
    }
  }

  /// A server that was started on it meanwhile must not lose what it has stored.
  private func checkUnused(_ next: BackupManifest) throws(StoreError) {
    let found = try StoreError.of("read") { () throws(FileError) in try files.digest(paths.store) }
    guard let found else { return }
    let old = try BackupManifest.load(manifestPath, files)
    guard found == next.files["store"]?.digest || found == old?.files["store"]?.digest else {
      throw StoreError(
        .notAStore,
        "\(path) has been used as a data directory since the \(kind) was made; make the next one in another directory")
    }
  }

  /// Those that have not changed are in place.
  private func move(_ name: String) throws(FileError) {
    let staged = "\(next.directory)/\(name)"
    if try files.byteCount(staged) != nil { try files.rename(staged, to: "\(path)/\(name)") }
  }
}

extension StoreError {
  /// What a function of files throws, with what was to be done.
  static func of<Result>(
    _ action: String, advice: String? = nil, _ body: () throws(FileError) -> Result
  ) throws(StoreError) -> Result {
    do throws(FileError) { return try body() } catch { throw StoreError(error, while: action, advice: advice) }
  }
}
