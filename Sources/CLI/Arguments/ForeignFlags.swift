/// Flags that people know from grep and journalctl, and what `logs query` and `logs follow` have for them.
enum ForeignFlags {
  static let remedies: [String: String] = {
    let remedies: [(names: [String], remedy: String)] = [
      (["e", "E", "P", "regexp", "extended-regexp", "perl-regexp"], "write -g PATTERN"),
      (["F", "fixed-strings"], "write -g PATTERN, or the text in quotation marks behind --"),
      (["w", "word-regexp"], "write =word behind -- for a whole word"),
      (["c", "count"], "logs query has --count"),
      (["p", "priority"], "write -l LEVEL"),
      (["u", "unit"], "write the name of the stream, or --source SOURCE"),
      (["m", "max-count"], "write --limit N"),
      (["invert-match"], "write -v PATTERN"),
    ]
    return Dictionary(uniqueKeysWithValues: remedies.flatMap { row in row.names.map { ($0, row.remedy) } })
  }()
}
