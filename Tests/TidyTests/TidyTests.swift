import Testing

/// Rules that a reader should be able to rely on everywhere in the tree.
@Suite struct TidyTests {
  private static let columnCountMax = 120
  private static let fileLineCountMax = 500

  @Test func `lines fit a screen, with literals and comments, in pages too`() throws {
    var long: [String] = []
    for file in try Tree.code() + Tree.pages() {
      var isLiteral = false
      file.each { line, place in
        let text = line.trimmingPrefix { $0 == " " }
        if text.hasPrefix("```") { isLiteral.toggle() }
        // A row of a table, or an example, has the width that it needs.
        if file.path.hasSuffix(".md"), isLiteral || text.hasPrefix("|") { return }
        if line.count > Self.columnCountMax { long.append("\(place): \(line.count) columns") }
      }
    }
    #expect(long.isEmpty, "\(long.count): \(long.prefix(20).joined(separator: "\n"))")
  }

  @Test func `a file of code has one job, and at most 500 lines`() throws {
    for file in try Tree.code() {
      #expect(file.lines.count <= Self.fileLineCountMax, "\(file.path) has \(file.lines.count): split it by its jobs")
    }
  }

  /// Types that two modules declare on purpose, and why.
  private static let sharedNames = [
    "Version": "each program has its own"
  ]

  @Test func `a name stands for one type`() throws {
    let declaration = /^(?:(?:public|package|internal|final|indirect) )*(?:struct|class|enum|actor|protocol) (\w+)/
    var places: [String: [String]] = [:]
    for file in try Tree.sources() {
      file.each { line, place in
        guard let match = line.prefixMatch(of: declaration) else { return }
        places[String(match.1), default: []].append(place)
      }
    }
    for (name, places) in places where places.count > 1 && Self.sharedNames[name] == nil {
      Issue.record("\(name) is declared \(places.count) times: \(places.joined(separator: ", "))")
    }
  }

  @Test func `debug and release builds import the same, but where a file is of one alone`() throws {
    for file in try Tree.sources() where !file.lines[0].hasPrefix("#if") {
      file.each { line, place in
        let isIndented = line.hasPrefix(" ")
        let isImport = line.trimmingPrefix { $0 == " " }.hasPrefix("internal import")
        #expect(!isIndented || !isImport, "\(place): import it in any case; what uses it may not build without")
      }
    }
  }

  @Test func `imports say whom they are for, and Foundation stays out`() throws {
    for file in try Tree.sources() {
      let isOverlay = file.path.hasPrefix("Sources/Foundation/")
      file.each { line, place in
        guard line.contains(#/^(?:@\w+ )*(?:\w+ )?import /#) else { return }
        #expect(!line.hasPrefix("import "), "\(place): internal import, or package or public where its types show")
        #expect(
          isOverlay || !line.contains("import Foundation"),
          "\(place): programs with Foundation are more than twice as large")
      }
    }
  }

  @Test func `no lock holds a bare function`() throws {
    // Each `withLock` wraps it anew, and in the end a call overflows the stack: put it into a struct.
    for file in try Tree.code() where !file.path.hasPrefix("Tests/TidyTests/") {
      file.each { line, place in
        let type = line.firstRange(of: "Mutex<(").map { line[$0.upperBound...] } ?? ""
        #expect(!type.contains(" -> "), "\(place): a Mutex of a function")
      }
    }
  }

  /// What is no idiomatic English, or promises somebody's time, and what to write.
  private static let phrases = [
    ("is told", "say what is sent, reported or printed, and to whom"),
    ("are told", "say what is sent, reported or printed, and to whom"),
    ("hoever", "name who it is: the caller, a client, the peer"),
    ("into being", "created, or made"),
    ("in good order", "cleanly, or gracefully"),
    ("for ever", "forever, or without a limit"),
    ("TODO", "do it, or say in words what is missing"),
    ("FIXME", "do it, or say in words what is missing"),
  ]

  @Test func `the English is plain`() throws {
    var found: [String] = []
    for file in try Tree.code() + Tree.pages() where !file.path.hasPrefix("Tests/TidyTests/") {
      var before = ""
      file.each { line, place in
        let text = Self.words(line)
        // A phrase may begin at the end of one line and end on the next.
        let joined = "\(before.suffix(Self.phraseLengthMax)) \(text)"
        for (phrase, advice) in Self.phrases where Self.has(phrase, in: joined, endingWithin: text.count) {
          found.append("\(place): \(advice)")
        }
        before = text
      }
    }
    #expect(found.isEmpty, "\(found.count): \(found.prefix(20).joined(separator: "\n"))")
  }

  private static let phraseLengthMax = phrases.map(\.0.count).max() ?? 0

  /// Whether `phrase` ends within the last `count` letters of `text`, and its last word ends with it.
  private static func has(_ phrase: String, in text: String, endingWithin count: Int) -> Bool {
    text.ranges(of: phrase.lowercased()).contains { range in
      text.distance(from: range.upperBound, to: text.endIndex) < count
        && (range.upperBound == text.endIndex || !text[range.upperBound].isLetter)
    }
  }

  /// What a line says, in lower case, without the mark of a comment.
  private static func words(_ line: Substring) -> String {
    let text = line.trimmingPrefix { $0 == " " }
    let marks = text.prefix { $0 == "/" }
    return text.dropFirst(marks.count > 1 ? marks.count : 0).trimmingPrefix { $0 == " " }.lowercased()
  }

  @Test func `every page and decision is linked from another page`() throws {
    let pages = try Tree.pages()
    for page in pages where page.path != "README.md" {
      let name = page.path.split(separator: "/").last.map(String.init) ?? page.path
      // The catalogue has its landing page as its module has its name, and its links have no suffix.
      if page.path.hasSuffix(".docc/LogsClient.md") { continue }
      let link = page.path.contains(".docc/") ? "<doc:\(name.dropLast(3))>" : name
      let isLinked = pages.contains { other in
        other.path != page.path && other.lines.contains { $0.contains(link) }
      }
      #expect(isLinked, "nothing links \(page.path)")
    }
  }
}
