internal import LogsSystem

/// The space that the files of a data directory take.
struct DirectorySize {
  /// Of each segment, with the files beside it.
  private(set) var segments: [Int64: Int] = [:]
  /// Of all other files.
  private(set) var otherByteCount = 0
  /// Of these, segments that are being made.
  private(set) var temporaryByteCount = 0

  var byteCount: Int { segments.values.reduce(otherByteCount, +) }

  init(_ paths: StorePaths, _ files: any FileSystem) throws(FileError) {
    for path in [
      paths.store, paths.storeTemporary, paths.reserve, paths.journal, paths.journalTemporary, paths.lock,
      paths.archive, paths.archiveTemporary,
    ] {
      otherByteCount += try files.byteCount(path) ?? 0
    }
    for name in try files.list(paths.segments) {
      // One that has been removed meanwhile takes nothing.
      let byteCount = try files.byteCount("\(paths.segments)/\(name)") ?? 0
      if let number = StorePaths.segment(ofFile: name) {
        segments[number, default: 0] += byteCount
      } else {
        otherByteCount += byteCount
        temporaryByteCount += byteCount
      }
    }
  }
}
