internal import LogsText
package import LogsWire

/// Which files a source reads, and how.
package struct FileSourceConfiguration: Sendable {
  /// Where files are read from that have no bookmark, at the first start of the source. Those that appear later are
  /// read from the beginning.
  package enum Start: String, CaseIterable, Sendable {
    case beginning
    case end
  }

  package var name: String
  package var globs: [FileGlob]
  /// Files that match one of these are not read.
  package var excluded: [FileGlob] = []
  package var stream = StreamTemplate.files
  package var lines: LinePipeline.Configuration
  package var start = Start.end
  /// Whether files that end in `.gz` and the like are read: they are usually what was read before.
  package var readsArchives = false
  /// Whether files are looked at every second instead of being watched, for network file systems.
  package var polls = false
  /// How long a line without its end is waited for.
  package var lineWait = Duration.seconds(5)
  /// For all files of the source together; nil for none.
  package var rate: RateLimit?
  /// Directories that are watched; those beyond are looked at every second.
  package var watchCountMax = 8_192
  /// Files that are open at the same time.
  package var openCountMax = 1_024

  package init(name: String, globs: [FileGlob], lines: LinePipeline.Configuration) {
    self.name = name
    self.globs = globs
    self.lines = lines
  }

  func takes(_ path: String) -> Bool {
    guard globs.contains(where: { $0.matches(path) }), !excluded.contains(where: { $0.matches(path) }) else {
      return false
    }
    return readsArchives || !Self.isArchive(path)
  }

  /// What is probably not meant as it is written.
  var advice: [String] { (globs + excluded).compactMap(\.advice) }

  /// Whether the name is one of a packed file.
  package static func isArchive(_ path: String) -> Bool { archiveEndings.contains { path.hasSuffix($0) } }

  private static let archiveEndings = [".gz", ".zst", ".xz", ".bz2", ".lz4", ".zip", ".tgz"]
}

extension FileSourceConfiguration {
  /// The words of its streams.
  static let streamWords = ["path", "name", "directory", "host", "namespace", "pod", "container"]

  /// Whether each file is to have a stream of its own: the words of others group them.
  package var namesFiles: Bool { stream.hasWord(of: ["path", "name"]) }

  /// The stream of a file.
  package func stream(of path: String, host: String) -> StreamName { stream.stream(Self.words(of: path, host)) }

  /// Whether the name of its stream leads to a file: no character of it was replaced, nothing was cut.
  func isStreamExact(of path: String, host: String) -> Bool { stream.isExact(Self.words(of: path, host)) }

  private static func words(of path: String, _ host: String) -> (String) -> String {
    let pod = PodPath(path)
    return { word in
      switch word {
      case "path": path
      case "name": String(path.split(separator: "/").last ?? "")
      case "directory": FileSource.directory(of: path)
      case "host": host
      case "namespace": pod?.namespace ?? "unknown"
      case "pod": pod?.pod ?? "unknown"
      case "container": pod?.container ?? "unknown"
      default: ""
      }
    }
  }

  /// The files that there are now, and what is left out, in sentences; ascending.
  package func files() -> (paths: [String], leftOut: [String]) {
    var found: Set<String> = []
    var leftOut = Set(advice)
    for glob in globs {
      glob.walk(enter: { _ in }, found: { if takes($0) { found.insert($0) } }, leftOut: { leftOut.insert($0) })
    }
    return (found.sorted(), leftOut.sorted())
  }
}
