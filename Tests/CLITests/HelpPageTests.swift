import LogsText
import Testing

@testable import LogsCLI

/// What `logs help` prints.
@Suite struct HelpPageTests {
  @Test func `every page fits 80 columns, and that of a command has examples that it understands`() throws {
    var pages = HelpTopic.all.map { (name: $0.name, text: $0.text) } + [("", Help.overview)]
    for command in Command.all {
      pages.append((command.name, Help.of(command)))
      let examples = try #require(HelpExamples.all[command.name], "\(command.name)")
      for example in examples where example.hasPrefix("logs ") && !example.contains(where: "|>'#".contains) {
        let words = example.split(separator: " ").map(String.init)
        #expect(words[1] == command.name)
        // Throws where a flag does not exist.
        _ = try Arguments(Array(words.dropFirst(2)), options: command.options + ConnectionOptions.all, help: "")
      }
    }
    for (name, text) in pages {
      let long = text.split(separator: "\n").filter { $0.count > TextTable.columnCount }
      #expect(long.isEmpty, "\(name): \(long)")
      #expect(text.contains("examples:"), "\(name)")
      #expect(!text.split(separator: "\n").contains { $0.hasSuffix(" ") }, "\(name)")
    }
  }

  @Test func `words are completed: commands, flags, formats, topics`() async {
    #expect(await CompletionCommand.words(["fo"]) == ["follow"])
    #expect(await CompletionCommand.words([]).contains("version"))
    #expect(await CompletionCommand.words(["help", "ti"]) == ["times"])
    #expect(await CompletionCommand.words(["query", "--cou"]) == ["--count"])
    #expect(await CompletionCommand.words(["streams", "-o", "j"]) == ["json"])
    #expect(await CompletionCommand.words(["--server", "logs://127.0.0.1:1", "-q", "fo"]) == ["follow"])
    #expect(await CompletionCommand.words(["--server", "f"]).isEmpty)
    #expect(await CompletionCommand.words(["--se"]) == ["--server"])
    #expect(await CompletionCommand.words(["streams", "--sort", "b"]) == ["bytes"])
    #expect(await CompletionCommand.words(["push", "web", "--format", "j"]) == ["json"])
    #expect(await CompletionCommand.words(["query", "web", "-l", "w"]) == ["warn"])
    #expect(await CompletionCommand.words(["spool", ""]) == ["inspect", "verify", "drain"])
    #expect(await CompletionCommand.words(["completion", "z"]) == ["zsh"])
    #expect(await CompletionCommand.words(["spool", "inspect", ""]).isEmpty)
    #expect(await CompletionCommand.words(["follow", "--since", ""]).isEmpty)
    #expect(await CompletionCommand.words(["follow", "--server", "logs://127.0.0.1:1", "w"]).isEmpty)
  }
}
