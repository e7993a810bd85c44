internal import Glibc
package import LogsSystem

/// Where an archive, or a backup, may be: outside of the data directory, which is not in it either.
package enum ArchivePlace {
  /// Why it cannot be there, and what to do; nil if it can.
  package static func fault(_ path: String, data: String) throws(FileError) -> String? {
    let files = PosixFileSystem()
    let advice = "name a directory outside of it, best on another disk"
    if try files.isWithin(path, data) { return "\(path) is in the data directory \(data); \(advice)" }
    if try files.isWithin(data, path) { return "\(path) has the data directory \(data) in it; \(advice)" }
    return nil
  }

  /// Why a server that starts now has no archive there, and gets none by itself: what the place lacks, or is. Nil if it
  /// can have one, and if it had one there that may be on a disk that is away.
  ///
  /// Only looks: the archive's thread finds out the rest.
  package static func obstacle(_ path: String, data: String) throws(FileError) -> String? {
    let files = PosixFileSystem()
    let obstacle = try files.obstacle(toDirectory: path)
    if case .noDirectory = obstacle { return obstacle?.words(of: path) }
    do throws(StoreError) {
      let known = try ArchiveNotes(StorePaths(directory: data), files).content
      if let known, known.through(in: path) > 0 { return nil }
      if let obstacle {
        // Another user's server may write there.
        if case .denied = obstacle, try !isOwn(data, files) { return nil }
        return obstacle.words(of: path)
      }
      if let fault = try BackupDirectory.fault(path, .archive) { return fault }
      let manifest = try BackupManifest.load("\(path)/\(BackupManifest.name)", files)
      return manifest?.kind == .backup ? holdsBackup(path) : nil
    } catch { return nil }
  }

  static func holdsBackup(_ path: String) -> String {
    "\(path) holds a backup, and not an archive; name another directory"
  }

  private static func isOwn(_ directory: String, _ files: PosixFileSystem) throws(StoreError) -> Bool {
    try StoreError.of("look at") { () throws(FileError) in
      try files.byteCount(directory) == nil ? true : try files.owner(directory) == geteuid()
    }
  }
}
