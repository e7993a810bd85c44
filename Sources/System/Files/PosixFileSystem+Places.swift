internal import CSystem
internal import Glibc

/// Where paths lead, through all links, whatever of them exists.
extension PosixFileSystem {
  /// Whether a path leads to a directory or to something in it.
  package func isWithin(_ path: String, _ directory: String) throws(FileError) -> Bool {
    let (inner, outer) = (try place(of: path), try place(of: directory))
    // Nothing is in what does not exist yet: both have to begin at the same place.
    if !outer.missing.isEmpty {
      return try isSame(inner.path, outer.path) && inner.missing.starts(with: outer.missing)
    }
    var place = inner.path
    // The root is its own parent.
    while true {
      if try isSame(place, outer.path) { return true }
      if try isSame(place, "\(place)/..") { return false }
      place += "/.."
    }
  }

  /// The nearest place above a path, or the path itself, that exists, and the names from there on.
  private func place(of path: String) throws(FileError) -> (path: String, missing: [String]) {
    var (place, missing) = (path, [String]())
    while try !isThere(place) {
      let parts = place.split(separator: "/", omittingEmptySubsequences: true)
      guard let name = parts.last else { break }
      if name != "." { missing.insert(String(name), at: 0) }
      let parents = parts.dropLast().joined(separator: "/")
      place = place.hasPrefix("/") ? "/\(parents)" : parents.isEmpty ? "." : parents
    }
    return (place, missing)
  }

  private func isThere(_ path: String) throws(FileError) -> Bool {
    do throws(FileError) { return try byteCount(path) != nil } catch {
      if error.code == ENOTDIR { return false }
      throw error
    }
  }

  /// What keeps this user from writing to a directory, or from making it, as far as that is seen without doing it; nil
  /// if nothing does.
  package func obstacle(toDirectory path: String) throws(FileError) -> DirectoryObstacle? {
    let (place, missing) = try place(of: path)
    guard try status(place).st_mode & S_IFMT == S_IFDIR else { return .noDirectory(place) }
    if missing.count > 1 {
      let parent = missing.dropLast().joined(separator: "/")
      return .noParent(place == "." ? parent : place == "/" ? "/\(parent)" : "\(place)/\(parent)")
    }
    if try isOfKernel(place) { return .kernel(place) }
    // The directory itself is read, too.
    let wanted = missing.isEmpty ? R_OK | W_OK | X_OK : W_OK | X_OK
    if unsafe faccessat(AT_FDCWD, place, wanted, AT_EACCESS) == 0 { return nil }
    switch errno {
    case EROFS: return .readOnly(place)
    case EACCES, EPERM: return .denied(place)
    default: throw FileError("access", place)
    }
  }

  private func isOfKernel(_ path: String) throws(FileError) -> Bool {
    let answer = unsafe logs_is_of_kernel(path)
    if answer < 0 { throw FileError("statfs", path) }
    return answer > 0
  }

  /// Whether two files that exist take their space from the same file system.
  package func shareFileSystem(_ path: String, _ other: String) throws(FileError) -> Bool {
    try status(path).st_dev == status(other).st_dev
  }
}
