import LogsWire
import Testing

@testable import LogsShip

/// Patterns of paths, names of streams, and bookmarks as text.
struct FileGlobTests {
  @Test(arguments: [
    ("/var/log/*.log", "/var/log/app.log", true), ("/var/log/*.log", "/var/log/x/app.log", false),
    ("/var/log/**/*.log", "/var/log/app.log", true), ("/var/log/**/*.log", "/var/log/a/b/app.log", true),
    ("/var/log/**", "/var/log/a/b", true), ("/var/log/*", "/var/log/.hidden", false),
    ("/var/log/**/*.log", "/var/log/.git/a.log", false), ("/var/log/app[0-9].log", "/var/log/app7.log", true),
    ("/var/log/app?.log", "/var/log/app.log", false), ("/var/./log//a.log", "/var/log/a.log", true),
  ]) func `globs match as a shell's do`(glob: String, path: String, matches: Bool) {
    #expect(FileGlob(glob, workingDirectory: "/").matches(path) == matches)
  }

  @Test(arguments: [
    ("~/app.log", "home"), ("\"/var/log/a.log\"", "quotes"), ("'/a'", "quotes"), ("/var/log/a[.log", "no ']'"),
    ("/var/log/a[].log", "no ']'"), ("/var/log/a[0-9].log", nil), ("/var/log/a[]x].log", nil), ("/a\\[b", nil),
    ("/a~/b'c\"", nil),
  ]) func `what is probably not meant as it is written is said`(glob: String, advice: String?) {
    let said = FileGlob(glob, workingDirectory: "/").advice
    if let advice { #expect(said?.contains(advice) == true) } else { #expect(said == nil) }
  }

  @Test func `what is left out is said, in one line each`() throws {
    let scene = try ShipScene()
    try scene.write("a.log", "1\n")
    var deep = "d"
    for _ in 0..<40 {
      scene.makeDirectory(deep)
      deep += "/d"
    }
    let lines = LinePipeline.Configuration()
    func files(_ glob: String) -> (paths: [String], leftOut: [String]) {
      let glob = FileGlob("\(scene.directory)/\(glob)", workingDirectory: "/")
      return FileSourceConfiguration(name: "files", globs: [glob], lines: lines).files()
    }
    #expect(files("d").leftOut.map { $0.contains("d is a directory; write ") } == [true])
    let all = files("**")
    #expect(all.paths == [scene.path("a.log")])
    #expect(all.leftOut.map { $0.hasSuffix("more than 32 directories deep is not read") } == [true])
    #expect(files("*.log").leftOut.isEmpty)
  }

  @Test(arguments: [
    ("app.log.1", ["app.log"]), ("app.log-20261130", ["app.log"]), ("app.log", []), ("app.log.gz", []),
    ("app.log.1.gz", []), ("app-1.log", []), ("app-2026-11-30.log", ["app.log"]),
    ("app.log.2026-11-30.1", ["app.log.2026-11-30", "app.log.2026-11", "app.log.2026", "app.log"]), ("1", []),
    ("application.log", []), ("app.log2", []),
  ]) func `the first names of a rotated file are without its number or time`(name: String, firsts: [String]) {
    #expect(FileSource.firstNames(of: name) == firsts)
  }

  @Test func `a relative glob is one of the working directory`() {
    #expect(FileGlob("logs/*.log", workingDirectory: "/srv/app").text == "/srv/app/logs/*.log")
  }

  @Test func `every path makes a stream name that the server takes`() throws {
    for path in [
      "/var/log/a b.log", "//x//", "/größe/€.log", "/" + String(repeating: "long/", count: 80), "/../..", "",
    ] {
      let name = StreamTemplate.files.stream { _ in path }
      _ = try StreamName(name.text)
    }
    let template = try StreamTemplate("k8s/{namespace}/{pod}/{container}", words: ["namespace", "pod", "container"])
    let pod = try #require(PodPath("/var/log/pods/shop_web-1_4c6a/nginx/0.log"))
    let words = ["namespace": pod.namespace, "pod": pod.pod, "container": pod.container]
    #expect(template.stream { words[$0] ?? "" }.text == "k8s/shop/web-1/nginx")
    #expect(PodPath("/var/log/pods/shop/nginx/0.log") == nil)
  }

  @Test(arguments: ["a/{b", "a/{c}", "", "a b", "{b} x"]) func `a template that makes no name is refused`(text: String)
  {
    #expect(throws: LogError.self) { try StreamTemplate(text, words: ["b"]) }
  }

  @Test func `a mark is the same behind its text, and nothing else is a mark`() throws {
    var mark = FileMark()
    mark.offset = 123_456_789_012
    mark.head = FileSample([1, 2, 3][...])
    mark.tail = FileSample([3, 4][...])
    mark.utf16 = true
    mark.isInLine = true
    mark.wasTruncated = true
    mark.time = 1_795_000_000
    mark.path = "/var/log/a file.log"
    mark.realPath = "/mnt/a file.log"
    #expect(FileMark(mark.value) == mark)
    for text in ["", "1", "2 0 0:0 0:0 - 0 /a\0/a", "1 x 0:0 0:0 - 0 /a\0/a", "1 0 9999:0 0:0 - 0 /a\0/a"] {
      #expect(FileMark(ByteString(text)) == nil, "\(text)")
    }
  }
}
