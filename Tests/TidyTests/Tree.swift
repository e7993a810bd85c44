import Foundation

/// The checkout that the tests were built from.
enum Tree {
  /// A file of the tree: its path from the root, and its lines.
  struct File: Sendable {
    let path: String
    let lines: [Substring]

    /// Calls `body` with each line and where it stands, as compilers write it.
    func each(_ body: (Substring, String) -> Void) {
      for (index, line) in lines.enumerated() { body(line, "\(path):\(index + 1)") }
    }
  }

  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// Files below `folders` whose names end so, but for what is built.
  static func files(in folders: [String], endingWith suffix: String) throws -> [File] {
    var files: [File] = []
    for folder in folders {
      let names = FileManager.default.enumerator(atPath: root.appendingPathComponent(folder).path)
      for case let name as String in names ?? FileManager.DirectoryEnumerator() where name.hasSuffix(suffix) {
        if name.hasPrefix(".build") || name.contains("/.build/") { continue }
        files.append(try file("\(folder)/\(name)"))
      }
    }
    return files.sorted { $0.path < $1.path }
  }

  static func file(_ path: String) throws -> File {
    let text = try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    return File(path: path, lines: text.split(separator: "\n", omittingEmptySubsequences: false))
  }

  static func sources() throws -> [File] { try files(in: ["Sources"], endingWith: ".swift") }

  static func code() throws -> [File] {
    try files(in: ["Sources", "Tests", "Benchmarks", "Integrations", "Snippets"], endingWith: ".swift")
  }

  static func pages() throws -> [File] {
    try files(in: ["docs", "spec", "Sources"], endingWith: ".md") + [file("README.md"), file("ARCHITECTURE.md")]
  }
}
