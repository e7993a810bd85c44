internal import LogsSystem

/// Compares the files of a backup with its manifest.
package enum BackupCheck {
  /// Whether a directory that has a manifest is no backup any more.
  private static func isUsed(_ directory: String) throws(StoreError) -> Bool {
    let files = PosixFileSystem()
    let manifest = try BackupManifest.load("\(directory)/\(BackupManifest.name)", files)
    let store = try StoreError.of("read") { () throws(FileError) in try files.digest("\(directory)/store") }
    return store != manifest?.files["store"]?.digest
  }

  /// Whether the next backup is complete, and has yet to take its place.
  private static func isBegun(_ directory: String) throws(StoreError) -> Bool {
    try StoreError.of("look at") { () throws(FileError) in
      try PosixFileSystem().byteCount("\(directory)/\(BackupDirectory.nextName)/\(BackupManifest.name)") != nil
    }
  }

  /// What a directory is kept as; nil if it is no backup, or has become a data directory.
  package static func kind(_ directory: String) throws(StoreError) -> BackupKind? {
    let isBegun = try isBegun(directory)
    let place = isBegun ? "\(directory)/\(BackupDirectory.nextName)" : directory
    let manifest = try BackupManifest.load("\(place)/\(BackupManifest.name)", PosixFileSystem())
    if !isBegun, manifest != nil, try isUsed(directory) { return nil }
    return manifest?.kind
  }

  /// Nothing for a directory that is no backup.
  static func findings(_ directory: String) throws(StoreError) -> [Finding] {
    let files = PosixFileSystem()
    let manifest: BackupManifest?
    do throws(StoreError) { manifest = try BackupManifest.load("\(directory)/\(BackupManifest.name)", files) } catch {
      guard error.code == .damaged else { throw error }
      return [Finding(.damage, BackupManifest.name, "it is damaged")]
    }
    if try isBegun(directory) {
      throw StoreError(
        .notAStore,
        """
        in \(directory) a backup was interrupted while it took its place; complete it with logsd backup or logsd \
        restore, and check it then
        """)
    }
    guard let manifest else { return [] }
    if try isUsed(directory) {
      let text = "it is from a backup; since then the directory has been used as a data directory"
      return [Finding(.note, BackupManifest.name, text)]
    }
    var findings: [Finding] = []
    for (name, file) in manifest.files.sorted(by: { $0.key < $1.key }) {
      do throws(FileError) {
        guard let digest = try files.digest("\(directory)/\(name)") else {
          findings.append(Finding(.damage, name, "it is missing from the \(manifest.kind)"))
          continue
        }
        if digest != file.digest { findings.append(Finding(.damage, name, "it is \(manifest.kind.changed)")) }
      } catch {
        findings.append(Finding(.damage, name, "it cannot be read: \(error.text)"))
      }
    }
    return findings
  }
}
