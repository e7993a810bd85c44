internal import LogsText

/// `logs man`: the pages of the help as man pages.
enum ManCommand {
  static let command = Command(
    name: "man", synopsis: "[PAGE]", summary: "print a page of the help as a man page",
    details: """
      Prints what logs help PAGE shows in the language of man pages (roff), for man -l or to be installed as
      logs-PAGE.1; without PAGE the overview. With --list it prints the names of all files instead.
      """, options: [Option("list", help: "the names of all pages: logs.1, logs-push.1, ...")], run: run)

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    if arguments.has("list") {
      if !arguments.operands.isEmpty { throw CommandError.usage("--list is of all pages; leave out the page") }
      for page in ManualPage.all { try Terminal.write(line: "\(page.name).\(page.section)") }
      return ExitCode.done
    }
    if arguments.operands.count > 1 { throw CommandError.usage("man takes one page; see logs help man") }
    guard let page = ManualPage.named(arguments.operands.first) else {
      let word = arguments.operands[0]
      let names = Command.all.map(\.name) + HelpTopic.all.map(\.name)
      throw CommandError.usage("there is no page '\(word)'\(Spelling.suggestion(word, among: names)); see logs help")
    }
    _ = try Terminal.write(Array(page.roff.utf8))
    return ExitCode.done
  }
}
