internal import LogsText

/// Flags that people know from grep, journalctl, docker and others, and what the commands of `logs` have for them.
enum ForeignFlags {
  private typealias Row = (names: [String], remedy: String)

  /// What to write instead, by the names of flags.
  static func remedies(of command: Command) -> [String: String] {
    var rows = own[command.name] ?? []
    if ["query", "follow"].contains(command.name) { rows += reading }
    if command.options.contains(where: { $0.name == "output" }) {
      rows.append((["json", "j"], "write -o json"))
      rows.append((["format", "output-format"], "write -o FORMAT"))
    }
    rows += everywhere
    // The first row counts.
    return Dictionary(rows.flatMap { row in row.names.map { ($0, row.remedy) } }) { first, _ in first }
  }

  private static let reading: [Row] = [
    (["e", "E", "P", "regexp", "extended-regexp", "perl-regexp"], "write -g PATTERN"),
    (["F", "fixed-strings"], "write -g PATTERN, or the text in quotation marks behind --"),
    (["w", "word-regexp"], "write =word behind -- for a whole word"),
    (["x", "line-regexp"], "write -g '^PATTERN$' for a whole message"),
    (["c", "count"], "logs query has --count"),
    (["p", "priority"], "write -l LEVEL"),
    (["u", "unit"], "write the name of the stream, or --source SOURCE"),
    (["m", "max-count", "head"], "write --limit N"),
    (["invert-match"], "write -v PATTERN"),
    (["s"], "write -S T for the time to begin at, or -q for silence"),
    (["from", "start", "after"], "write --since T"),
    (["to", "end", "before"], "write --until T"),
    (["output-fields", "fields"], "write --columns A,B"),
  ]

  private static let own: [String: [Row]] = [
    "query": [
      (["f", "follow"], "logs follow goes on with new entries"),
      (["tail", "lines"], "write -r -n N for the last N, newest first"),
      (["a", "all"], "query shows all that is found; leave it out"),
    ],
    "follow": [
      (["a", "all"], "write -n all"), (["no-follow"], "write --until-head"),
      (["no-pager"], "follow uses no pager; leave it out"),
    ],
    "streams": [(["g", "grep"], "write a pattern: logs streams '*web*'")],
    "status": [(["f", "follow"], "write --watch")],
    "push": [
      (["f", "file"], "files stand behind the stream: logs push STREAM FILE"), (["t", "tag"], "write --source S"),
      (["p", "priority"], "write -l LEVEL"), (["g", "grep"], "push takes every line; logs query has -g"),
      (["json"], "write --format json"), (["tail", "n", "lines"], "push takes every line: tail -n N FILE | logs push"),
    ],
    "complete": [(["f", "force", "y", "yes"], "write --create for a stream that does not exist yet")],
    "delete": [
      (["f", "force", "y"], "write --yes"), (["n"], "write --dry-run"),
      (["since", "until", "before", "older-than"], "it takes sequence numbers; the setting retention goes by time"),
    ],
  ]

  private static let everywhere: [Row] = [
    (["version", "V"], "write logs --version"), (["s", "silent"], "write -q"),
    (["host", "url", "address", "H"], "write --server URL"), (["port"], "write --server logs://HOST:PORT"),
  ]
}
