/// A flag of a command: its names, what its value looks like, and what it does.
struct Option: Sendable {
  let name: String
  /// Other names, short ones without their dash.
  let aliases: [String]
  /// What the value looks like; nil for a flag without one.
  let form: String?
  let help: String

  init(_ name: String, _ aliases: [String] = [], form: String? = nil, help: String) {
    self.name = name
    self.aliases = aliases
    self.form = form
    self.help = help
  }

  func isCalled(_ word: String) -> Bool { name == word || aliases.contains(word) }

  /// How the help shows it: `-n, --tail N`.
  var synopsis: String {
    let short = aliases.filter { $0.count == 1 }.map { "-\($0), " }.joined()
    let long = aliases.filter { $0.count > 1 }.map { ", --\($0)" }.joined()
    return "\(short)--\(name)\(long)\(form.map { " \($0)" } ?? "")"
  }
}
