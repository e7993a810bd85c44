internal import Foundation

/// A directory of a measurement's own, removed with all that is in it.
struct WorkDirectory: Sendable {
  let path: String
  var data: String { "\(path)/data" }
  var socket: String { "\(path)/socket" }

  /// Not in `/tmp`, which is kept in memory on many systems: there an fsync costs nothing.
  init() throws {
    path = (getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp") + "/logs-microbench-\(UUID().uuidString)"
    guard mkdir(path, 0o700) == 0 else {
      throw BenchmarkError(
        "cannot make \(path): \(String(cString: strerror(errno))); name another directory in $TMPDIR")
    }
  }

  func remove() throws { try FileManager.default.removeItem(atPath: path) }
}
