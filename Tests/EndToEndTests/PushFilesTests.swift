import Foundation
import Testing

/// Files that are pushed together, compressed, or not in the form that was said.
@Suite(.ownThread) struct PushFilesTests {
  /// What a Python expression makes of a file's bytes `b`.
  private func made(_ scene: Scene, _ name: String, from content: String, _ expression: String) throws -> String {
    let plain = try scene.file("plain", Array(content.utf8))
    let script =
      "import gzip, sys, zstandard; b = open(sys.argv[1], 'rb').read(); sys.stdout.buffer.write(\(expression))"
    let python = try scene.run(Binaries.python, ["-c", script, plain])
    #expect(python.exit == .code(0), "\(python.errors)")
    return try scene.file(name, python.output)
  }

  private static let gzip = "gzip.compress(b)"
  private static let zstd = "zstandard.ZstdCompressor().compress(b)"

  private func sources(_ server: TestServer, _ stream: String) throws -> [String] {
    try server.run(["query", stream, "--template", "{source}:{message}"]).lines
  }

  @Test func `a file in front of the stream, and a terminal to read from, are spoken of`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = try scene.file("one", "a\n".utf8)
      for (words, line) in [([file, "web"], "logs push web \(file)"), ([file], "logs push STREAM \(file)")] {
        let run = try server.run(["push"] + words)
        #expect(run.exit == .code(2) && run.errorLines.count == 1, "\(run.errors)")
        #expect(run.errors.hasSuffix("; the stream stands before its files: \(line)\n"), "\(run.errors)")
      }
      // script(1) runs it on a terminal.
      let command = "\(Binaries.logs) push web --server \(server.url)"
      let push = try scene.start("/usr/bin/script", ["-qec", command, "/dev/null"], input: .pipe)
      try push.output.waitForText("reads lines for web from this terminal; Ctrl-D ends them")
      try push.write("typed\n\u{4}".utf8)
      #expect(try push.wait() == .code(0), "\(push.output.text)")
      #expect(try sources(server, "web") == [":typed"])
    }
  }

  @Test func `each of several files is the source of its lines, unless another source is given`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let (one, two) = (try scene.file("one", "a\nb".utf8), try scene.file("two", "c\n".utf8))
      let long = try scene.file(String(repeating: "n", count: 250), #"{"msg":"d","source":"own"}"#.utf8 + [10])
      try expectSuccess(server.run(["push", "web", one, two, long]))
      let name = String(repeating: "n", count: 250)
      #expect(
        try sources(server, "web") == ["\(one):a", "\(one):b", "\(two):c", #"\#(name):{"msg":"d","source":"own"}"#])
      try expectSuccess(server.run(["push", "json", one, long, "--format", "json"]))
      #expect(try sources(server, "json") == ["\(one):a", "\(one):b", "own:d"])
      try expectSuccess(server.run(["push", "given", one, two, "--source", "s"]))
      #expect(try sources(server, "given") == ["s:a", "s:b", "s:c"])
      // One file alone, and stdin, have no name.
      try expectSuccess(server.run(["push", "alone", one]))
      try expectSuccess(server.run(["push", "alone", "-", two], input: .file(one)))
      #expect(try sources(server, "alone") == [":a", ":b", ":a", ":b", "\(two):c"])
    }
  }

  @Test func `compressed files are read as what is in them, by name or by their first bytes`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let lines = (1...30_000).map { "line \($0) of a file that is compressed\n" }.joined()
      for (suffix, packed) in [("gz", Self.gzip), ("zst", Self.zstd)] {
        let forms = [
          ("whole.\(suffix)", packed), ("unnamed-\(suffix)", packed),
          (
            "parts.\(suffix)",
            "\(packed.replacing("(b)", with: "(b[:700])"))+\(packed.replacing("(b)", with: "(b[700:])"))"
          ),
        ]
        for (name, expression) in forms {
          let path = try made(scene, name, from: lines, expression)
          try expectSuccess(server.run(["push", name, path]))
          try expectSame(server.stored(name), Array(lines.utf8))
        }
        let input = try server.run(["push", "stdin-\(suffix)"], input: .file(scene.path("whole.\(suffix)")))
        #expect(input.exit == .code(0), "\(input.errors)")
        try expectSame(server.stored("stdin-\(suffix)"), Array(lines.utf8))
        // Nothing, and a byte that might be the beginning of an archive.
        #expect(
          try server.run(["push", "none", made(scene, "e.\(suffix)", from: "", packed)]).errors.contains("no lines"))
      }
      try expectSuccess(server.run(["push", "begun", scene.file("begun", [0x28])]))
      #expect(try server.stored("begun") == [0x28, 10])
      let padded = try made(scene, "padded.gz", from: "a\n", "\(Self.gzip) + bytes(512)")
      try expectSuccess(server.run(["push", "padded", padded]))
      #expect(try server.stored("padded") == [0x61, 10])
    }
  }

  @Test(arguments: ["gz", "zst"])
  func `a broken archive ends the push, and the lines before it are stored and named`(suffix: String) throws {
    let packed = suffix == "gz" ? Self.gzip : Self.zstd
    try Scene.play { scene in
      let server = try TestServer(scene)
      let good = try scene.file("good", "a\nb\nc".utf8)
      let breaks = [
        ("cut", "(\(packed))[:-3]", "ends too early"), ("named", "b", "its name is that of"),
        ("torn", "\(packed)[:7] + b'garbage that is long enough'", "is damaged ("),
        (
          "trailing", "\(packed) + b'garbage that is long'", "data has ended, and 20 bytes behind it are something else"
        ),
        ("short", "\(packed) + b'x' * 1_000_000", "data has ended, and 1000000 bytes behind it are something else"),
      ]
      for (name, expression, reason) in breaks {
        let path = try made(scene, "\(name).\(suffix)", from: "d\n", expression)
        let push = try server.run(["push", name, good, path, good])
        #expect(push.exit == .code(1) && push.output.isEmpty && push.errorLines.count == 1, "\(push.errors)")
        #expect(push.errors.contains("cannot read \(path)") && push.errors.contains(reason), "\(push.errors)")
        let count = try server.stored(name).count { $0 == 10 }
        #expect(
          push.errors.contains("\(count) entries of \(name) are acknowledged, sequence numbers 1 to \(count)"),
          "\(push.errors)")
        #expect(try server.stored(name).starts(with: "a\nb\nc\n".utf8))
      }
      #expect(try server.stored("trailing") == Array("a\nb\nc\nd\n".utf8))
    }
  }

  @Test func `lines that were changed are counted, the first one is named, and --strict fails for them`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let good = #"{"msg":"good"}"#
      func push(_ name: String, _ content: some Sequence<UInt8>, _ words: String...) throws -> Finished {
        let path = try scene.file(name, content)
        let pushed = try server.run(["push", name, path] + words)
        #expect(pushed.exit == .code(0), "\(pushed.errors)")
        let strict = try server.run(["push", name, path, "--strict", "-q"] + words)
        #expect(strict.exit == (pushed.errorLines.count > 1 ? .code(1) : .code(0)), "\(strict.errors)")
        #expect(strict.errorLines.count == pushed.errorLines.count - 1)
        return pushed
      }
      #expect(try push("good", "\(good)\n".utf8, "--format", "json").errorLines.count == 1)
      #expect(try push("any", "text\n".utf8, "--format", "auto").errorLines.count == 1)
      // The second batch has the first such line.
      let mixed = String(repeating: "\(good)\n", count: 1_500) + "text\n\(good)\nmore\n"
      let unread = try push("mixed", mixed.utf8, "--format", "json")
      #expect(
        unread.errors.contains(
          "2 lines are not in the format json, and kept as raw (the first has sequence number 1501)"),
        "\(unread.errors)")
      let cut = try push("cut", "a\n".utf8 + [UInt8](repeating: 0x61, count: (1 << 20) + 1))
      #expect(cut.errors.contains("1 line was cut at 1 MiB, of 1048577 bytes (sequence number 2)"), "\(cut.errors)")
      let wide = "\u{feff}one\ntwo\n".utf16.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] }
      let decoded = try push("wide", wide, "--format", "auto")
      #expect(
        decoded.errors.contains("2 lines were decoded from UTF-16 (the first has sequence number 1)"),
        "\(decoded.errors)")
      #expect(try push("asked", wide, "--encoding", "utf-16").errorLines.count == 1)
    }
  }

  @Test func `a followed file is read through its rotation, and the next push goes on`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = try scene.file("app.log", "1\n2\n".utf8)
      func follow(_ count: Int, _ change: () throws -> Void) throws {
        let push = try server.start(["push", "web", "-F", file, "--spool", scene.path("spool")])
        try change()
        try Polling.wait(for: "\(count) lines") { try lines(server) == count }
        push.signal(SIGINT)
        #expect(try push.wait() == .code(130), "\(push.errors.text)")
      }
      try follow(5) {
        try Polling.wait(for: "the first lines") { try lines(server) == 2 }
        try append("3\n", to: file)
        rename(file, file + ".1")
        try append("4\n", to: file + ".1")
        try append("5\n", to: file)
      }
      try append("6\n", to: file)
      try follow(7) { try append("7\n", to: file) }
      #expect(try server.stored("web") == Array("1\n2\n3\n4\n5\n6\n7\n".utf8))
      for words in [["push", "web", "-F"], ["push", "web", "-F", "-"], ["push", "web", "-F", file, "--complete"]] {
        let refused = try server.run(words)
        #expect(refused.exit == .code(2) && refused.errorLines.count == 1, "\(refused.errors)")
      }
      for (name, part) in [(scene.path(""), "is a directory"), (try scene.file("old.gz", []), "is compressed")] {
        let refused = try server.run(["push", "web", "-F", name])
        #expect(refused.exit == .code(1) && refused.errors.contains(part), "\(refused.errors)")
      }
    }
  }

  @Test func `of several followed files each is the source of its lines, and one may come later`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let (one, two) = (try scene.file("one.log", "1\n".utf8), scene.path("two.log"))
      let push = try server.start(["push", "web", "-F", one, two])
      try push.errors.waitForText("\(two) is not there yet")
      try Polling.wait(for: "the first line") { try lines(server) == 1 }
      try append("2\n", to: two)
      try Polling.wait(for: "the second line") { try lines(server) == 2 }
      #expect(try sources(server, "web") == ["\(one):1", "\(two):2"])
      push.signal(SIGINT)
      try push.wait()
    }
  }

  @Test func `what a followed file has left in a spool is sent by a drain and by push, and is not read again`() throws {
    try Scene.play { scene in
      let (file, spool) = (try scene.file("app.log", "1\n2\n".utf8), scene.path("spool"))
      func follow(_ server: String, _ arguments: [String], until isDone: (ChildProcess) throws -> Bool) throws -> String
      {
        let push = try scene.start(Binaries.logs, ["push", "--server", server, "web", "-F", file] + arguments)
        try Polling.wait(for: "what it reads") { try isDone(push) }
        push.signal(SIGINT)
        #expect(try push.wait() == .code(130), "\(push.errors.text)")
        return push.errors.text
      }
      func waiting() throws -> Int {
        let inspect = try scene.run(Binaries.logs, ["spool", "inspect", spool, "-o", "json"])
        guard let range = inspect.text.firstRange(of: "\"entries\":") else { return 0 }
        return Int(inspect.text[range.upperBound...].prefix { $0.isNumber }) ?? 0
      }
      let nowhere = "logs://127.0.0.1:1"
      let said = try follow(nowhere, ["--spool", spool]) { _ in try waiting() == 2 }
      #expect(said.contains("kept in \(spool), and sent by logs spool drain \(spool)"), "\(said)")
      let server = try TestServer(scene)
      let drain = try server.run(["spool", "drain", spool])
      #expect(drain.exit == .code(0) && drain.errors.contains("2 entries acknowledged"), "\(drain.errors)")
      // What is read next waits, too, and goes with another push.
      try append("3\n", to: file)
      _ = try follow(nowhere, ["--spool", spool]) { _ in try waiting() == 1 }
      let push = try scene.run(
        Binaries.logs, ["push", "--server", server.url, "web", "--spool", spool],
        input: .file(scene.file("in", "4\n".utf8)))
      #expect(push.exit == .code(0), "\(push.errors)")
      #expect(try server.stored("web") == Array("1\n2\n3\n4\n".utf8))
      // Without a spool, no directory is named that is gone by then.
      let unkept = try follow(nowhere, []) { push in
        try FileManager.default.contentsOfDirectory(atPath: "/proc/\(push.pid)/fd").contains {
          (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(push.pid)/fd/\($0)")) == file
        }
      }
      #expect(!unkept.contains("logs-push-"), "\(unkept)")
    }
  }

  private func lines(_ server: TestServer) throws -> Int {
    // There is no stream before the first line.
    let stored = try server.run(["follow", "web", "-n", "all", "--until-head", "-o", "raw"])
    return stored.output.count { $0 == UInt8(ascii: "\n") }
  }

  private func append(_ text: String, to path: String) throws {
    let file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    defer { close(file) }
    let bytes = Array(text.utf8)
    guard write(file, bytes, bytes.count) == bytes.count else { throw Failure("cannot write to \(path)") }
  }
}
