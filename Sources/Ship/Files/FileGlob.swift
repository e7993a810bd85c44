internal import Glibc
package import LogsSystem

/// A pattern for paths: `*` and `?` and `[...]` within a name, `**` for any number of directories.
package struct FileGlob: Hashable, Sendable {
  package let text: String
  /// The parts between slashes.
  let parts: [String]
  /// What is probably not meant as it is written, in a sentence.
  package let advice: String?

  /// - Parameter text: an absolute path, or one that is relative to the working directory.
  package init(_ text: String, workingDirectory: String) {
    let whole = text.hasPrefix("/") ? text : "\(workingDirectory)/\(text)"
    let parts = whole.split(separator: "/").filter { $0 != "." }.map(String.init)
    self.parts = parts
    self.text = "/" + parts.joined(separator: "/")
    advice = Self.advice(text)
  }

  private static func advice(_ text: String) -> String? {
    if text.hasPrefix("~") { return "\(text): '~' is a name here; write the path of the home directory" }
    if let first = text.first, text.count > 1, "\"'".contains(first), text.last == first {
      return "\(text): the quotes are part of the name here; leave them out"
    }
    for part in text.split(separator: "/") where isUnclosed(part) {
      return "\(text): '[' has no ']'; write \\[ for a name that has it"
    }
    return nil
  }

  private static func isUnclosed(_ part: Substring) -> Bool {
    guard let open = part.firstIndex(of: "["), open == part.startIndex || part[part.index(before: open)] != "\\" else {
      return false
    }
    // Right behind the '[', a ']' is one of the set.
    return part[open...].dropFirst(2).firstIndex(of: "]") == nil
  }

  package static var workingDirectory: String {
    guard let path = unsafe getcwd(nil, 0) else { return "/" }
    defer { unsafe free(path) }
    return unsafe String(cString: path)
  }

  /// Whether a part names one thing only.
  static func isPlain(_ part: String) -> Bool { !part.utf8.contains { "*?[\\".utf8.contains($0) } }

  static func matches(_ name: String, _ part: String) -> Bool {
    let pattern = PathText.patternBytes(part).map { CChar(bitPattern: $0) } + [0]
    return unsafe PathText.withPointer(name) { unsafe fnmatch(pattern, $0, FNM_PERIOD) == 0 }
  }

  package func matches(_ path: String) -> Bool {
    Self.matches(path.split(separator: "/").map(String.init)[...], parts[...])
  }

  private static func matches(_ names: ArraySlice<String>, _ parts: ArraySlice<String>) -> Bool {
    guard let part = parts.first else { return names.isEmpty }
    if part == "**" {
      if matches(names, parts.dropFirst()) { return true }
      guard let name = names.first, !name.hasPrefix(".") else { return false }
      return matches(names.dropFirst(), parts)
    }
    guard let name = names.first, matches(name, part) else { return false }
    return matches(names.dropFirst(), parts.dropFirst())
  }

  /// The directory that all matches are in, if it is missing or may not be looked into, and why.
  package var obstacle: (directory: String, error: SystemError)? {
    let plain = parts.dropLast().prefix(while: Self.isPlain)
    let directory = "/" + plain.joined(separator: "/")
    // A name that is known is found without listing.
    let isListed = !parts.allSatisfy(Self.isPlain)
    let error = unsafe PathText.withPointer(directory) {
      unsafe access($0, isListed ? R_OK | X_OK : X_OK) == 0 ? nil : SystemError.last
    }
    if let error { return (directory, error) }
    return Self.kind(directory) == .directory ? nil : (directory, SystemError(ENOTDIR))
  }

  /// Walks the directories that may hold matches.
  ///
  /// - Parameters:
  ///   - enter: called with each directory before it is listed, so that it can be watched first.
  ///   - found: called with the path of each match that is no directory.
  ///   - leftOut: called with what may hold matches and is not looked at, in a sentence.
  func walk(enter: (String) -> Void, found: (String) -> Void, leftOut: (String) -> Void = { _ in }) {
    var seen: Set<String> = []
    walk("", parts[...], 0, &seen, enter, found, leftOut)
  }

  static let depthMax = 32

  private func walk(
    _ directory: String, _ parts: ArraySlice<String>, _ depth: Int, _ seen: inout Set<String>,
    _ enter: (String) -> Void, _ found: (String) -> Void, _ leftOut: (String) -> Void
  ) {
    guard let part = parts.first else { return }
    guard depth < Self.depthMax else {
      return leftOut("\(directory): what is more than \(Self.depthMax) directories deep is not read")
    }
    let shown = directory.isEmpty ? "/" : directory
    let isLast = parts.count == 1
    if Self.isPlain(part) {
      let path = "\(directory)/\(part)"
      switch Self.kind(path) {
      case .directory where !isLast: walk(path, parts.dropFirst(), depth + 1, &seen, enter, found, leftOut)
      case .directory:
        enter(shown)
        leftOut("\(path) is a directory; write \(path)/* for the files in it, or \(path)/**/* for all below it")
      case .file where isLast:
        enter(shown)
        found(path)
      default:
        // It may come later.
        enter(shown)
      }
      return
    }
    if part == "**" { walk(directory, parts.dropFirst(), depth, &seen, enter, found, leftOut) }
    // `**` reaches a directory in several ways.
    guard seen.insert("\(parts.count) \(directory)").inserted else { return }
    enter(shown)
    guard let names = Self.listing(of: shown) else {
      let reason = errno
      if reason != ENOENT { leftOut("\(shown): its files cannot be listed: \(SystemError(reason).text)") }
      return
    }
    for name in names {
      let path = "\(directory)/\(name)"
      if part == "**" {
        guard !name.hasPrefix(".") else { continue }
        switch Self.kind(path, following: false) {
        case .directory: walk(path, parts, depth + 1, &seen, enter, found, leftOut)
        case .file where isLast: found(path)
        default: break
        }
      } else if Self.matches(name, part) {
        switch Self.kind(path) {
        case .directory where !isLast: walk(path, parts.dropFirst(), depth + 1, &seen, enter, found, leftOut)
        case .file where isLast: found(path)
        default: break
        }
      }
    }
  }

  package enum Kind { case file, directory, other }

  package static func kind(_ path: String, following: Bool = true) -> Kind? {
    var status = stat()
    let isFound = unsafe PathText.withPointer(path) {
      unsafe (following ? stat($0, &status) : lstat($0, &status)) == 0
    }
    guard isFound else { return nil }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return .file
    case S_IFDIR: return .directory
    default: return .other
    }
  }

  /// A name from the system.
  static func text(_ name: UnsafePointer<CChar>) -> String {
    unsafe PathText.text(UnsafeBufferPointer(start: name, count: strlen(name)).map { UInt8(bitPattern: $0) })
  }

  /// The names in a directory, as `PathText`, ascending.
  package static func names(in directory: String) -> [String] { listing(of: directory) ?? [] }

  /// nil if it cannot be listed; `errno` says why.
  private static func listing(of directory: String) -> [String]? {
    guard let stream = unsafe PathText.withPointer(directory, { unsafe opendir($0) }) else { return nil }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let item = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &item.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe text($0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }
}
