import Glibc
import Testing

/// The man pages.
@Suite(.ownThread) struct ManualTests {
  private static let groff = "/usr/bin/groff"

  @Test func `every page says what the help says, and groff has nothing to say about it`() throws {
    try Scene.play { scene in
      let files = try scene.run(Binaries.logs, ["man", "--list"]).lines
      #expect(files.contains("logs.1") && files.contains("logs-push.1") && files.contains("logs-filters.7"))
      for file in files {
        let name = file.dropLast(2).dropFirst("logs-".count)
        let page = try scene.run(Binaries.logs, ["man"] + (name.isEmpty ? [] : [String(name)]))
        #expect(page.exit == .code(0) && page.errors.isEmpty && page.text.hasPrefix(".TH \"LOGS"))
        guard access(Self.groff, X_OK) == 0 else { continue }
        let path = try scene.file(file, page.output)
        let shown = try scene.run(Self.groff, ["-man", "-ww", "-Tascii", "-P-cbou", path])
        #expect(shown.exit == .code(0) && shown.errors.isEmpty, "\(file): \(shown.errors)")
        // The same words, whatever the lines; the overview is a list of its own.
        if name.isEmpty { continue }
        let help = try scene.run(Binaries.logs, ["help", String(name)]).text
        let words = Set(shown.text.split(whereSeparator: \.isWhitespace))
        let missing = help.split(whereSeparator: \.isWhitespace).filter { !words.contains($0) }
        #expect(missing.allSatisfy { ["usage:", "examples:"].contains($0) }, "\(file): \(missing)")
      }
    }
  }
}
