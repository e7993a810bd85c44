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

  /// What is in the way of an archive.
  package struct Obstacle: Hashable, Sendable {
    /// What is wrong, and what to do.
    package let text: String
    /// Whether a disk that is mounted later, or other permissions, take it away: no reason not to start.
    package let mayPass: Bool

    package init(_ text: String, mayPass: Bool = false) {
      self.text = text
      self.mayPass = mayPass
    }
  }

  /// Why a server that starts now has no archive there: what the place lacks, or is. Nil if it can have one, and if it
  /// had one there that may be on a disk that is away.
  ///
  /// Only looks: the archive's thread finds out the rest.
  package static func obstacle(_ path: String, data: String) throws(FileError) -> Obstacle? {
    let files = PosixFileSystem()
    let obstacle = try files.obstacle(toDirectory: path)
    if case .noDirectory = obstacle { return obstacle.map { Obstacle($0.words(of: path)) } }
    do throws(StoreError) {
      let known = try ArchiveNotes(StorePaths(directory: data), files).content
      if let known, known.through(in: path) > 0 { return nil }
      switch obstacle {
      // Another user's server may write there.
      case .denied where try !isOwn(data, files): return nil
      case .noParent, .readOnly, .denied: return obstacle.map { Obstacle($0.words(of: path), mayPass: true) }
      case .noDirectory, .kernel: return obstacle.map { Obstacle($0.words(of: path)) }
      case nil: break
      }
      if let fault = try BackupDirectory.fault(path, .archive) { return Obstacle(fault) }
      let manifest = try BackupManifest.load("\(path)/\(BackupManifest.name)", files)
      return manifest?.kind == .backup ? Obstacle(holdsBackup(path)) : nil
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
