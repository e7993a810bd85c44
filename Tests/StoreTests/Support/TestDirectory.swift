import Foundation

/// A directory of a test's own, removed when the test is over.
final class TestDirectory: Sendable {
  let path: String

  init() {
    path = NSTemporaryDirectory() + "logs-store-" + UUID().uuidString
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var data: String { path + "/data" }

  func names(_ folder: String = "data/segments") -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path + "/" + folder)) ?? []).sorted()
  }
}
