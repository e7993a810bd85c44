internal import LogsText

/// A page of the help as a man page (man(7)).
struct ManualPage {
  /// `logs-push`, and `logs` for the overview.
  let name: String
  /// 1 for commands, 7 for what is about none.
  let section: Int
  let roff: String

  static var all: [ManualPage] { [overview] + Command.all.map(page) + HelpTopic.all.map(page) }

  /// The page that `logs help NAME` shows; without a name the overview.
  static func named(_ name: String?) -> ManualPage? {
    guard let name else { return overview }
    return all.first { $0.name == "logs-\(name)" }
  }

  private static var overview: ManualPage {
    let commands = Command.all.map { ("logs \($0.name)", $0.summary) }
    return ManualPage(
      name: "logs", section: 1, summary: "push, follow and search log streams",
      parts: [
        ("SYNOPSIS", "\\fBlogs\\fR COMMAND [FLAGS] [ARGUMENTS]"),
        ("COMMANDS", list(commands)), ("OPTIONS OF ALL COMMANDS", options(ConnectionOptions.all)),
        ("EXAMPLES", verbatim(HelpExamples.overview.split(separator: "\n")[...])),
        ("EXIT STATUS", paragraphs(Help.exitCodes)),
        (
          "SEE ALSO",
          (Command.all.map { see($0.name, 1) } + HelpTopic.all.map { see($0.name, 7) }).joined(separator: ", ")
        ),
      ])
  }

  private static func page(_ command: Command) -> ManualPage {
    ManualPage(
      name: "logs-\(command.name)", section: 1, summary: command.summary,
      parts: [
        ("SYNOPSIS", "\\fBlogs \(escaped(command.name))\\fR \(escaped(command.synopsis)) [FLAGS]"),
        ("DESCRIPTION", paragraphs(command.details)),
        ("OPTIONS", options(command.options + ConnectionOptions.all)),
        ("EXAMPLES", verbatim(HelpExamples.of(command).split(separator: "\n")[...])),
        ("SEE ALSO", see(nil, 1)),
      ])
  }

  private static func page(_ topic: HelpTopic) -> ManualPage {
    ManualPage(
      name: "logs-\(topic.name)", section: 7, summary: topic.summary,
      parts: [("DESCRIPTION", paragraphs(topic.text)), ("SEE ALSO", see(nil, 1))])
  }

  private init(name: String, section: Int, summary: String, parts: [(heading: String, text: String)]) {
    self.name = name
    self.section = section
    let title = Self.escaped(name.uppercased())
    roff =
      ".TH \"\(title)\" \(section) \"\" \"logs \(Version.number)\"\n.nh\n.ad l\n"
      + ".SH NAME\n\(Self.escaped(name)) \\- \(Self.escaped(summary))\n"
      + parts.map { ".SH \($0.heading)\n\($0.text)\n" }.joined()
  }

  // MARK: The language of man pages

  private static func see(_ name: String?, _ section: Int) -> String {
    "\\fBlogs\(name.map { "\\-\(escaped($0))" } ?? "")\\fR(\(section))"
  }

  private static func options(_ options: [Option]) -> String { list(options.map { ($0.synopsis, $0.help) }) }

  private static func list(_ rows: [(name: String, text: String)]) -> String {
    rows.map { ".TP\n\\fB\(escaped($0.name))\\fR\n\(line($0.text))" }.joined(separator: "\n")
  }

  /// Paragraphs; those with indented lines stay as they are.
  private static func paragraphs(_ text: String) -> String {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    return lines.split(whereSeparator: \.isEmpty).map { paragraph in
      let first = paragraph.firstIndex { $0.hasPrefix(" ") } ?? paragraph.endIndex
      let flowing = paragraph[..<first].map { line(String($0)) }
      return (flowing + (first < paragraph.endIndex ? [verbatim(paragraph[first...])] : [])).joined(separator: "\n")
    }.joined(separator: "\n.PP\n")
  }

  private static func verbatim(_ lines: ArraySlice<Substring>) -> String {
    ".nf\n" + lines.map { line(String($0)) }.joined(separator: "\n") + "\n.fi"
  }

  /// A line of text, which must not look like a request.
  private static func line(_ text: String) -> String {
    let text = escaped(text)
    return text.hasPrefix(".") || text.hasPrefix("\\(aq") ? "\\&\(text)" : text
  }

  /// Characters that mean something else in roff, or become typographic ones.
  private static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "\\": result += "\\e"
      case "-": result += "\\-"
      case "'": result += "\\(aq"
      case "`": result += "\\(ga"
      case "^": result += "\\(ha"
      case "~": result += "\\(ti"
      case "\"": result += "\\(dq"
      default: result.append(character)
      }
    }
    return result
  }
}
