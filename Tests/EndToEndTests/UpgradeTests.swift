import Foundation
import LogsSystem
import LogsWire
import Testing

/// What earlier versions have left (`Tests/Formats`), in the hands of today's programs.
@Suite(.ownThread) struct UpgradeTests {
  private static let root = "\(Binaries.repository)/Tests/Formats"

  private static let formats: [String] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    return names.filter { Int($0) != nil }.sorted()
  }()

  private static func unpack(_ archive: String, into directory: String, _ scene: Scene) throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let tar = try scene.run("/bin/tar", ["-xzf", archive, "-C", directory])
    guard tar.exit == .code(0) else { throw Failure("tar: \(tar.errors)") }
  }

  /// Has `store` name itself, so that the directory does not count as a copy: cursors of its streams stay valid.
  private static func adopt(_ data: String) throws {
    let path = "\(data)/store"
    let identity = try PosixFileSystem().identity(path)
    var lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
    lines[4] = "file \(identity.inode) \(identity.birth)"
    let body = lines.prefix(5).joined(separator: "\n") + "\n"
    let text = "\(body)check \(XXH3.hash(ByteString(body).span).hexadecimal)\n"
    // In place: a new file would have another inode.
    let file = try #require(FileHandle(forWritingAtPath: path))
    try file.write(contentsOf: Data(text.utf8))
    try file.truncate(atOffset: UInt64(text.utf8.count))
    try file.close()
  }

  /// `stream number` of each entry that was stored.
  private static func stored(_ format: String) throws -> [String] {
    var stream = Substring()
    var entries: [String] = []
    for line in try String(contentsOfFile: "\(root)/\(format)/entries.txt", encoding: .utf8).split(separator: "\n") {
      let words = line.split(separator: " ")
      if line.hasPrefix("stream ") { stream = words[1] }
      if line.hasPrefix("  entry ") { entries.append("\(stream) \(words[1])") }
    }
    return entries
  }

  /// The same of what `-o json` prints.
  private static func printed(_ output: [String]) throws -> [String] {
    try output.map { line in
      let entry = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      return "\(entry["stream"] as? String ?? "") \(entry["seq"] as? Int ?? 0)"
    }
  }

  @Test(arguments: formats)
  func `a server takes over a directory, and clients their cursor file and spool`(format: String) throws {
    try Scene.play { scene in
      let data = scene.path("server.data")
      try Self.unpack("\(Self.root)/\(format)/clean.tar.gz", into: data, scene)
      try Self.adopt(data)
      let server = try TestServer(scene, data: data)
      let stored = try Self.stored(format)
      let everything = try server.run(["query", "**", "-o", "json"])
      #expect(everything.exit == .code(0), "\(everything.errors)")
      #expect(try Self.printed(everything.lines).sorted() == stored.sorted())

      // The cursor names what its follower has seen of two streams.
      let cursor = try String(contentsOfFile: "\(Self.root)/\(format)/cursor", encoding: .utf8)
      let seen = cursor.split(separator: "\n").dropFirst().map { line in
        let parts = line.split { "=.".contains($0) }
        return (stream: String(parts[0]), number: Int(parts[1]) ?? 0)
      }
      #expect(seen.map(\.stream) == ["docker/nginx", "web"])
      let left = stored.filter { entry in
        let words = entry.split(separator: " ").map(String.init)
        return seen.contains { $0.stream == words[0] && Int(words[1]) ?? 0 > $0.number }
      }
      let file = try scene.file("cursor", cursor.utf8)
      let follow = ["follow", "web", "docker/**", "-n", "all", "--until-head", "-o", "json", "--cursor-file", file]
      let rest = try server.run(follow)
      #expect(rest.exit == .code(0), "\(rest.errors)")
      #expect(try Self.printed(rest.lines).sorted() == left.sorted() && !left.isEmpty)
      #expect(try server.run(follow).lines.isEmpty)

      // The first half of the lines was stored before; the other half waits in the spool. A spool from a backup sends
      // it once more.
      let lines = Array(try Data(contentsOf: URL(filePath: "\(Self.root)/\(format)/spool.txt")))
      for attempt in 1...2 {
        let spool = scene.path("spool\(attempt)")
        try Self.unpack("\(Self.root)/\(format)/spool.tar.gz", into: spool, scene)
        let report = try scene.run(Binaries.logs, ["spool", "verify", spool])
        #expect(report.exit == .code(0) && report.text.contains("20 entries"), "\(report.text) \(report.errors)")
        let drained = try server.run(["spool", "drain", spool])
        #expect(drained.exit == .code(0), "\(drained.errors)")
        expectSame(try server.stored("spooled"), lines)
      }
      #expect(try server.stop() == .code(0))
      let counted = try scene.run(
        Binaries.logsd, ["sql", data, "select count(*) from entries where stream not glob '$*'", "-o", "csv"])
      #expect(counted.lines.last == "\(stored.count + 20)", "\(counted.errors)")
    }
  }

  @Test func `a cursor file and a spool of a newer version are refused, with what to do`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = try scene.file("cursor", "v2\nweb=1.00c0ffee00c0ffee\n".utf8)
      let follow = try server.run(["follow", "web", "--cursor-file", file, "--until-head"])
      #expect(follow.exit == .code(1))
      #expect(follow.errors.contains(file) && follow.errors.contains("start without it"), "\(follow.errors)")
      let spool = scene.path("spool")
      try Self.unpack("\(Self.root)/\(try #require(Self.formats.last))/spool.tar.gz", into: spool, scene)
      let raise = "UPDATE spool SET checksum = 0; PRAGMA user_version=2"
      let raised = try scene.run("/usr/bin/sqlite3", ["\(spool)/spool.db", raise])
      #expect(raised.exit == .code(0), "\(raised.errors)")
      let drain = try server.run(["spool", "drain", spool])
      #expect(drain.exit == .code(1) && drain.errors.contains("newer version (format 2"), "\(drain.errors)")
    }
  }
}
