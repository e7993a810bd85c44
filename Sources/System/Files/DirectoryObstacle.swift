internal import Glibc

/// What keeps this user from writing to a directory, or from making it, and at which place.
package enum DirectoryObstacle: Hashable, Sendable {
  /// Something that is no directory, at the path itself or on the way.
  case noDirectory(String)
  /// What it would be made in does not exist.
  case noParent(String)
  /// The place belongs to the kernel, which takes no files.
  case kernel(String)
  case readOnly(String)
  /// This user may not write there.
  case denied(String)

  /// What is wrong with a path, and what to do.
  package func words(of path: String) -> String {
    switch self {
    case .noDirectory(let place):
      place == path
        ? "\(path) is no directory; name one"
        : "\(path) cannot be made, since \(place) is no directory; name another one"
    case .noParent(let parent):
      "\(path) cannot be made, since \(parent) does not exist; mount its disk, make it, or name another directory"
    case .kernel: "\(path) is in a file system of the kernel, which takes no files; name a directory on a disk"
    case .readOnly:
      """
      \(path) is read-only here; mount it for writing, allow it to the service (ReadWritePaths=), or name another \
      directory
      """
    case .denied(let place):
      place == path
        ? "user \(geteuid()) may not read and write \(path); give it to that user, or name another directory"
        : """
        \(path) cannot be made, since user \(geteuid()) may not write to \(place); make it and give it to that user, \
        or name another directory
        """
    }
  }
}
