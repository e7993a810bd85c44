import Glibc
import LogsText
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
    ("export", ["stream", "help"]), ("export web --csv --sqlite f", ["--csv", "--sqlite", "exclude"]),
    ("export web --jsonl f=1 --reverse", ["--reverse"]), ("import a b", ["one file", "cat"]),
    ("import --rename web", ["OLD=NEW", "web"]), ("import --rename web=$logsd", ["server's own"]),
    ("import --rename a=b --rename a=c", ["a", "b", "c"]), ("dump web", ["logs export"]),
    ("restore f", ["logsd restore", "logs export"]),
    ("status --server http://example.org", ["http://example.org"]), ("status --retry-for soon", ["soon"]),
  ])
  func `invalid arguments are a usage error`(line: String, says words: [String]) async {
    let (exit, text) = await failure(line.split(separator: " ").map(String.init))
    #expect(exit == ExitCode.usage && !text.contains("\n"), "\(text)")
    for word in words { #expect(text.lowercased().contains(word.lowercased()), "\(text)") }
  }

  @Test(arguments: [
    ("query web -n all", "-n takes a whole number of at least 1, not 'all'"),
    ("query web --limit=all", "--limit takes a whole number"), ("query web -S soon", "-S takes a time like"),
    ("query web --until soon", "--until takes a time like"), ("query web -C x", "-C takes a whole number"),
    ("query web -B x", "-B takes a whole number"),
    ("query web --after-context x", "--after-context takes a whole number"),
    ("query web -l loud", "-l: "), ("query web --level a-b", "--level takes a level"),
    ("query web -l a-b", "-l takes a level"),
    ("query web --grep (", "--grep: "), ("query web -v (", "-v: "), ("query web -Z nowhere", "-Z takes a name"),
    ("query web --time-zone=nowhere", "--time-zone takes a name"),
    ("query web --ignore-case", "--ignore-case is about"),
    ("query web -o xml", "-o "), ("query web --output xml", "--output "), ("query web --count -n 1", "leave out -n"),
    ("query web -S 2026-01-02 --until 2026-01-01", "is later than --until"),
    ("follow web -n many", "-n takes a number or 'all'"),
    ("follow web --lines many", "--lines takes a number or 'all'"),
    ("follow web -r --cursor-file x", "-r and --cursor-file"), ("follow web --from-seq 1 -S 1h", "leave out -S"),
    ("follow web --from-seq 1 --tail 1", "leave out --tail"), ("follow web -C 1 -U 1h", "do not go with -U"),
    ("push web -l loud", "-l "), ("push web --follow-file", "--follow-file follows files"),
    ("push web x -F --batch 1", "--batch has no meaning with -F"),
  ])
  func `a mistake names its flag as it was written`(line: String, says words: String) async {
    let (exit, text) = await failure(line.split(separator: " ").map(String.init))
    #expect(exit == ExitCode.usage && text.contains(words), "\(text)")
  }

  @Test(arguments: [
    ("query web --since yesturday", "; did you mean yesterday?"), ("query web -U Today", "; did you mean today?"),
    ("query web -Z Europe/Berln", "; did you mean Europe/Berlin?"),
    ("query web -Z berlin", "; did you mean Europe/Berlin?"),
    ("query web -Z UCT+2", "'UCT+2'"), ("follow web -Z utcc", "; did you mean utc?"),
    ("push web --input-zone utcc", "; did you mean utc?"),
  ])
  func `a time and a zone that are nearly known are suggested`(line: String, suggestion: String) async {
    let (exit, text) = await failure(line.split(separator: " ").map(String.init))
    #expect(exit == ExitCode.usage && text.contains(suggestion), "\(text)")
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

  @Test(arguments: [
    ("query web --tail 5", "-r -n N"), ("query web -f", "logs follow"), ("query web --lines 5", "-r -n N"),
    ("query web -x", "-g '^PATTERN$'"), ("follow web -s 1h", "-S T"), ("query web --from 1h", "--since T"),
    ("follow web --json", "-o json"), ("streams --json", "-o json"), ("streams --grep web", "logs streams '*web*'"),
    ("status -f", "--watch"), ("push web -f app.log", "logs push STREAM FILE"), ("push web --json", "--format json"),
    ("push web --grep x", "logs query"), ("delete web -f", "--yes"), ("complete web --force", "--create"),
    ("status --host x", "--server URL"), ("streams --version", "logs --version"), ("spool inspect x -s", "-q"),
    ("tail web", "logs follow"), ("grep x", "logs query"), ("cat web", "logs query"), ("search web", "logs query"),
    ("ls", "logs streams"), ("list", "logs streams"), ("head web", "logs query"), ("stats", "logs status"),
    ("info", "logs status"), ("help tail", "logs follow"), ("rm web", "logs delete"), ("serve", "logsd"),
  ])
  func `commands and flags typed by habit are answered with what to write`(line: String, remedy: String) async {
    let (exit, text) = await failure(line.split(separator: " ").map(String.init))
    #expect(exit == ExitCode.usage && text.hasPrefix("there is no ") && text.contains(": "), "\(text)")
    #expect(text.contains(remedy), "\(text)")
  }

  @Test(arguments: [
    ("--sever x streams", "--server"), ("strems", "streams"), ("help filtrs", "filters"), ("man psh", "push"),
    ("query web --limti 5", "--limit"), ("streams --sort byte", "bytes"), ("streams -o jsn", "json"),
    ("query web -o jsonn", "json"), ("query web --color alway", "always"), ("query web --columns mesage", "message"),
    ("query web --template {mesage}", "message"), ("query web -l wran", "warn"), ("push web --level wran", "warn"),
    ("push web --format jsno", "json"), ("push web --encoding utf16", "utf-16"), ("completion bsh", "bash"),
    ("spool inspct x", "inspect"), ("bench apend", "append"), ("bench read --decode batchs", "batches"),
    ("-V", "--version"),
  ])
  func `a misspelled word is answered with the one that is meant`(line: String, meant: String) async {
    let (exit, text) = await failure(line.split(separator: " ").map(String.init))
    #expect(exit == ExitCode.usage && text.contains("did you mean \(meant)?"), "\(text)")
  }

  @Test(arguments: ["--columns=time,user", "--template={user}"])
  func `a field that is none may be an attribute`(flag: String) async {
    let (exit, text) = await failure(["query", "web", flag])
    #expect(exit == ExitCode.usage && text.contains("there is no field 'user'; an attribute is written attr.user;"))
  }

  @Test func `flags of a command in front of it are answered with where they stand`() async {
    let (exit, text) = await failure(["-n", "5", "query", "web"])
    #expect(exit == ExitCode.usage && text.hasPrefix("-n stands behind a command: logs "), "\(text)")
  }

  @Test(arguments: ["push", "complete", "delete"])
  func `commands that write take one stream, and none of the server's own`(command: String) async {
    let own = await failure([command, "$logsd"])
    #expect(own.exit == ExitCode.usage && own.text.contains("the server's own") && own.text.contains("--retention"))
    let pattern = await failure([command, "web*"])
    #expect(pattern.exit == ExitCode.usage && pattern.text.contains("one stream, not a pattern"), "\(pattern.text)")
    for words in [[command, ""], ["query", ""], ["follow", "web", "", "level:warn"], ["streams", ""]] {
      let (exit, text) = await failure(words)
      #expect(exit == ExitCode.usage && text.contains("'$logsd'"), "\(words): \(text)")
    }
  }

  @Test(arguments: [
    (["query", "web", "level>=warn", "user:bob*"], "logs query web -- 'level>=warn' 'user:bob*'"),
    (["query", "level>=warn"], "logs query STREAM -- 'level>=warn'"),
    (["follow", "level>=warn", "web"], "logs follow web -- 'level>=warn'"),
    (["query", "web", "a b", "c:*"], "logs query web -- 'a b' 'c:*'"),
  ])
  func `a filter among the streams is answered with where it stands`(words: [String], line: String) async {
    let (exit, text) = await failure(words)
    #expect(exit == ExitCode.usage && text.hasSuffix("; a filter stands behind --: \(line)"), "\(text)")
  }

  @Test func `the mark below a filter stands at its place behind wide characters`() {
    let text = "错误 😀 ("
    let error = #expect(throws: FilterError.self) { try Filter(text) }
    guard let error else { return }
    // Behind the bracket: two columns for each wide character.
    #expect(FilterMistake(text: text, error: error).lines == ["  \(text)", "           ^"])
  }

  @Test(arguments: ["a b", "/a", "a//b", "", "žluť", String(repeating: "x", count: 201)])
  func `an invalid name is a usage error`(name: String) async {
    let (exit, text) = await failure(["push", name])
    #expect(exit == ExitCode.usage && text.contains("name"), "\(text)")
    #expect(await failure(["follow", "a b*"]).exit == ExitCode.usage)
  }

  @Test func `a server that is back is looked for at least each second`() throws {
    let arguments = try Arguments(["--server", "logs://127.0.0.1:1"], options: ConnectionOptions.all, help: "")
    #expect(try ConnectionOptions.configuration(arguments, patience: nil).backoff.cap == .seconds(1))
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
