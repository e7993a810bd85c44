package import LogsSystem

/// Where an archive may be: outside of the data directory, which is not in it either.
package enum ArchivePlace {
  /// Why an archive cannot be there, and what to do; nil if it can.
  package static func fault(_ path: String, data: String) throws(FileError) -> String? {
    let files = PosixFileSystem()
    let advice = "name a directory outside of it, best on another disk"
    if try files.isWithin(path, data) { return "\(path) is in the data directory \(data); \(advice)" }
    if try files.isWithin(data, path) { return "\(path) has the data directory \(data) in it; \(advice)" }
    return nil
  }
}
