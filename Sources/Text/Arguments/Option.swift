/// A flag of a program or a command: its names, what its value looks like, and what it does.
package struct Option: Sendable {
  package let name: String
  /// Other names, short ones without their dash.
  package let aliases: [String]
  /// What the value looks like; nil for a flag without one.
  package let form: String?
  package let help: String

  package init(_ name: String, _ aliases: [String] = [], form: String? = nil, help: String) {
    self.name = name
    self.aliases = aliases
    self.form = form
    self.help = help
  }

  package func isCalled(_ word: String) -> Bool { name == word || aliases.contains(word) }

  /// How the help shows it: `-n, --tail N`.
  package var synopsis: String {
    let short = aliases.filter { $0.count == 1 }.map { "-\($0), " }.joined()
    let long = aliases.filter { $0.count > 1 }.map { ", --\($0)" }.joined()
    return "\(short)--\(name)\(long)\(form.map { " \($0)" } ?? "")"
  }

  /// The options and what they do, a line for each.
  package static func table(_ options: [Option]) -> String {
    let width = options.map(\.synopsis.count).max() ?? 0
    return options.map { option in
      "  \(option.synopsis)\(String(repeating: " ", count: width - option.synopsis.count))  \(option.help)"
    }.joined(separator: "\n")
  }
}
