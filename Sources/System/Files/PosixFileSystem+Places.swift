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
    while try byteCount(place) == nil {
      let parts = place.split(separator: "/", omittingEmptySubsequences: true)
      guard let name = parts.last else { break }
      if name != "." { missing.insert(String(name), at: 0) }
      let parents = parts.dropLast().joined(separator: "/")
      place = place.hasPrefix("/") ? "/\(parents)" : parents.isEmpty ? "." : parents
    }
    return (place, missing)
  }

  /// Whether two files that exist take their space from the same file system.
  package func shareFileSystem(_ path: String, _ other: String) throws(FileError) -> Bool {
    try status(path).st_dev == status(other).st_dev
  }
}
