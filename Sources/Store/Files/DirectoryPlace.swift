internal import Glibc
internal import LogsSystem

/// Whether there can be a directory at a path.
enum DirectoryPlace {
  /// The error of a directory that could not be made, opened or locked.
  static func error(_ error: FileError, while action: String, _ path: String) -> StoreError {
    do throws(FileError) {
      if !error.isDiskFull, let obstacle = try PosixFileSystem().obstacle(toDirectory: path) {
        return StoreError(.inputOutput, "cannot \(action): \(obstacle.words(of: path))")
      }
    } catch {}
    let isDenied = [EACCES, EPERM, EROFS].contains(error.code)
    let advice = isDenied ? "let user \(geteuid()) write to it, or name another directory" : "name another directory"
    return StoreError(error, while: "\(action) at", advice: advice)
  }
}
