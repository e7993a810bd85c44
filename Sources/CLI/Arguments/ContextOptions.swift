internal import LogsText

/// How many entries are shown around each one that is found.
struct ContextOptions {
  static let all = [
    Option("after-context", ["A"], form: "N", help: "also show N entries after each one found"),
    Option("before-context", ["B"], form: "N", help: "also show N entries before each one found"),
    Option("context", ["C"], form: "N", help: "the same as -A N -B N"),
  ]

  let before: Int
  let after: Int

  /// nil when none are asked for.
  init?(_ arguments: Arguments) throws(CommandError) {
    let context = try arguments.number("context")
    before = Int(clamping: try arguments.number("before-context") ?? context ?? 0)
    after = Int(clamping: try arguments.number("after-context") ?? context ?? 0)
    if before == 0, after == 0 { return nil }
  }
}
