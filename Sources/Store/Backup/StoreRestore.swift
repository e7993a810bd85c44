internal import LogsSystem

/// Makes a data directory of a backup.
package struct StoreRestore {
  package struct Summary: Hashable, Sendable {
    package var segmentCount = 0
    package var byteCount = 0
    /// The moment that the backup shows, ns since 1970.
    package var madeAt: Int64 = 0
  }

  private let backup: BackupDirectory
  private let manifest: BackupManifest
  private let paths: StorePaths
  private let files = PosixFileSystem()

  /// - Throws: if there is no whole backup, or something is in `directory`.
  package init(of path: String, to directory: String) throws(StoreError) {
    backup = try BackupDirectory.open(path)
    guard let manifest = try backup.manifest() else {
      throw StoreError(.notAStore, "\(path) has no whole \(backup.kind): its first copy was interrupted; make it again")
    }
    self.manifest = manifest
    paths = StorePaths(directory: directory)
    let files = files
    let names: [String]
    do throws(FileError) {
      if try files.makeDirectory(directory) { try files.synchronize(directory: "\(directory)/..") }
      names = try files.list(directory)
    } catch { throw DirectoryPlace.error(error, while: "restore", directory) }
    guard Set(names).isSubset(of: ["lock", "lost+found"]) else {
      throw StoreError(.notAStore, "\(directory) is not empty; restore to an empty directory, and move it then")
    }
  }

  /// - Parameter keepsIncarnations: whether the streams stay the same to clients. That is right only if nothing was
  ///   acknowledged after the backup was made: else a number would mean two entries.
  /// - Throws: if a file of the backup is not what it was; then nothing stays. And if an archive is to keep them.
  package func run(keepsIncarnations: Bool) throws(StoreError) -> Summary {
    if keepsIncarnations, manifest.isArchive {
      throw StoreError(
        .notAStore,
        """
        \(backup.path) is the archive of a server, which never has the newest entries: their numbers would be given \
        again in the same streams. Restore it without --same-store; to move a server, stop it and take a backup with \
        logsd backup
        """)
    }
    let lock = try StoreError.of("lock") { () throws(FileError) in try files.lock(paths.lock) }
    guard let lock else { throw StoreError(.locked, "\(paths.directory) is in use by another process") }
    defer { withExtendedLifetime(lock) {} }
    try StoreError.of("make") { () throws(FileError) in _ = try files.makeDirectory(paths.segments) }
    do throws(StoreError) {
      // Without `store` no server starts: it comes last.
      for name in manifest.files.keys.sorted() where name != "store" { try copy(name) }
    } catch {
      try removeAll()
      throw error
    }
    try StoreError.of("sync") { () throws(FileError) in
      try files.synchronize(directory: paths.segments)
      try files.synchronize(directory: paths.directory)
    }
    try writeStore(keepsIncarnations: keepsIncarnations)
    return Summary(
      segmentCount: manifest.segments.count,
      byteCount: manifest.files.values.reduce(0) { $0 + $1.digest.byteCount }, madeAt: manifest.madeAt)
  }

  private func copy(_ name: String) throws(StoreError) {
    let path = "\(backup.path)/\(name)"
    let files = name == "tokens" ? PosixFileSystem(readableBy: .nobody) : files
    let copied = try StoreError.of("copy") { () throws(FileError) in
      try files.copy(path, to: "\(paths.directory)/\(name)")
    }
    guard copied?.digest == manifest.files[name]?.digest else {
      throw StoreError(
        .damaged,
        """
        \(path) is \(copied == nil ? "missing" : backup.kind.changed): nothing is restored. \(backup.kind.rescue)
        """)
    }
  }

  private func removeAll() throws(StoreError) {
    try StoreError.of("remove") { () throws(FileError) in
      for name in manifest.files.keys { try files.remove("\(paths.directory)/\(name)") }
      try files.removeDirectory(paths.segments)
    }
  }

  private func writeStore(keepsIncarnations: Bool) throws(StoreError) {
    guard let store = try StoreFile.load(backup.paths, files) else {
      preconditionFailure("the manifest of \(backup.path) has been compared with its file 'store'")
    }
    if keepsIncarnations { return try store.save(paths, files) }
    try StoreError.of("write") { () throws(FileError) in
      try files.replace(paths.store, temporary: paths.storeTemporary) { _ in Array(store.text.utf8) }
      try files.synchronize(directory: paths.directory)
    }
  }
}
