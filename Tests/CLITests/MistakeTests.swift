import Glibc
import LogsWire
import Testing

@testable import LogsCLI

/// User mistakes: each yields one line that says what failed, why, and what to do, and the exit code from cli.md.
@Suite(.timeLimit(.minutes(5))) struct MistakeTests {
  /// What a command says when it fails, and its exit code.
  private func failure(_ words: [String]) async -> (exit: Int32, text: String) {
    do { return (try await CommandLineTool.dispatch(words), "no failure") } catch {
      return (CommandLineTool.exitCode(of: error), CommandLineTool.text(of: error))
    }
  }

  @Test(arguments: [
    ("", ["command", "help"]), ("frobnicate", ["frobnicate", "help"]), ("push", ["stream", "help"]),
    ("push web --frob", ["--frob", "help"]), ("follow web -Z", ["-Z", "help"]), ("follow web -n", ["-n", "value"]),
    ("follow web -n many", ["many"]), ("follow web --limit 0", ["--limit"]), ("follow web -o xml", ["xml", "json"]),
    ("follow web --color blue", ["blue", "never"]), ("push web --level loud", ["loud", "error"]),
    ("status --server http://example.org", ["http://example.org"]), ("status --retry-for soon", ["soon"]),
  ])
  func `invalid arguments are a usage error`(line: String, says words: [String]) async {
    let (exit, text) = await failure(line.split(separator: " ").map(String.init))
    #expect(exit == ExitCode.usage && !text.contains("\n"), "\(text)")
    for word in words { #expect(text.lowercased().contains(word.lowercased()), "\(text)") }
  }

  @Test(arguments: [
    ("-e x", "-g PATTERN"), ("-iE x", "-g PATTERN"), ("-F x", "-g PATTERN"), ("-w x", "=word"), ("-c", "--count"),
    ("-p err", "-l LEVEL"), ("-u nginx", "--source"), ("--unit=nginx", "--source"), ("-m 3", "--limit N"),
  ])
  func `flags of other programs are answered with what to write`(flag: String, remedy: String) async {
    for command in ["query", "follow"] {
      let (exit, text) = await failure([command, "web"] + flag.split(separator: " ").map(String.init))
      #expect(exit == ExitCode.usage && text.contains("there is no flag -") && text.contains(remedy), "\(text)")
    }
    #expect(await failure(["push", "web", "-e"]).text == "there is no flag -e; see logs help push")
  }

  @Test func `the mark below a filter stands at its place behind wide characters`() {
    let text = "错误 😀 ("
    let error = #expect(throws: FilterError.self) { try Filter(text) }
    guard let error else { return }
    // Behind the bracket: two columns for each wide character.
    #expect(FilterMistake(text: text, error: error).lines == ["  \(text)", "           ^"])
  }

  @Test(arguments: ["a b", "/a", "a//b", "$sys", "", "žluť", String(repeating: "x", count: 201)])
  func `an invalid name is a usage error`(name: String) async {
    let (exit, text) = await failure(["push", name])
    #expect(exit == ExitCode.usage && text.contains("name"), "\(text)")
    #expect(await failure(["follow", "a b*"]).exit == ExitCode.usage)
  }

  @Test(arguments: [
    ("logs://127.0.0.1:1", "refused"), ("logs+unix:///nowhere/at/all", "/nowhere/at/all"),
    ("logs://no-such-host.invalid", "no-such-host.invalid"),
  ])
  func `a missing server is reported by each command, at once where retrying is off`(url: String, word: String) async {
    for words in [["status"], ["streams"], ["follow", "web"], ["push", "web", #filePath], ["complete", "web"]] {
      let (exit, text) = await failure(words + ["--server", url, "--retry-for", "0"])
      #expect(exit == ExitCode.unreachable && text.contains(word), "\(words) \(url): \(text)")
    }
  }
}
