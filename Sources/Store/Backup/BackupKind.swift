/// Who makes a backup: a person with `logsd backup`, or a server, which keeps it as its archive.
package enum BackupKind: String, Hashable, Sendable, CustomStringConvertible {
  case backup
  case archive

  package var description: String { rawValue }

  /// What is said of a file that has another checksum.
  var changed: String { self == .archive ? "not what was archived" : "not what was backed up" }

  /// What helps where a file is missing or is not what it was.
  package var rescue: String {
    let source =
      self == .archive
      ? "put the file back from a copy of the archive, or from the data directory if that has the same one"
      : "make the backup again with --verify, or take another one"
    return """
      To mend it, \(source). To save what is whole instead: copy the \(self), remove the file \(BackupManifest.name) \
      of the copy, and run logsd repair on that
      """
  }

  /// What helps where it cannot be said which files it has.
  var renewal: String {
    self == .archive
      ? "put it back from a copy of the archive, or name another directory for a new one"
      : "make the backup anew, into another directory"
  }
}
