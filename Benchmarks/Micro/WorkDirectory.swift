internal import Glibc
internal import LogsSystem

/// A directory for one measurement, removed with its content.
struct WorkDirectory: Sendable {
  let path: String
  var data: String { "\(path)/data" }
  var socket: String { "\(path)/socket" }

  /// Not in `/tmp`, which is kept in memory on many systems: there an fsync costs nothing.
  init() throws {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp"
    var template = Array("\(parent)/logs-microbench-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw BenchmarkError(
        "cannot make a directory in \(parent): \(String(cString: strerror(errno))); name another one in $TMPDIR")
    }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  func remove() throws { try Self.remove(path) }

  private static func remove(_ path: String) throws {
    if Glibc.remove(path) == 0 { return }
    for name in try PosixFileSystem().list(path) { try remove("\(path)/\(name)") }
    guard Glibc.remove(path) == 0 else {
      throw BenchmarkError("cannot remove \(path): \(String(cString: strerror(errno)))")
    }
  }
}
