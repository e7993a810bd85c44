import Foundation

/// A directory for one test, removed when the test ends.
final class TestDirectory: Sendable {
  let path: String

  init(under parent: String = NSTemporaryDirectory()) {
    // In the form that SQLite gives to a VFS.
    path = URL(fileURLWithPath: parent).path + "/logs-store-" + UUID().uuidString
    precondition(mkdir(path, 0o700) == 0, "a temporary directory can be made")
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var data: String { path + "/data" }

  func names(_ folder: String = "data/segments") -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path + "/" + folder)) ?? []).sorted()
  }

  func remove(_ name: String) { precondition(unlink(path + "/" + name) == 0, "\(name) is there") }

  func contents(_ name: String) -> [UInt8] {
    FileManager.default.contents(atPath: path + "/" + name).map { Array($0) } ?? []
  }

  /// Overwrites a file in place, so that its identity stays.
  func write(_ name: String, _ contents: [UInt8]) {
    guard let file = FileHandle(forWritingAtPath: path + "/" + name) else { preconditionFailure("\(name) is there") }
    file.write(Data(contents))
    file.truncateFile(atOffset: UInt64(contents.count))
    file.closeFile()
  }

  /// A copy of the data, as a backup makes it.
  func copy() -> TestDirectory {
    let copy = TestDirectory()
    do {
      try FileManager.default.copyItem(atPath: data, toPath: copy.data)
    } catch {
      preconditionFailure("a directory can be copied: \(error)")
    }
    return copy
  }
}
