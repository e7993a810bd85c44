/// The words after the name of a program or a command, sorted into flags and operands.
package struct Arguments: Sendable {
  package struct Flag: Sendable {
    package let name: String
    /// How it was written, with its dashes: `-n`, `--lines`.
    package let written: String
    /// Empty for a flag without a value.
    package let value: String
  }

  /// In the order in which they were given.
  package private(set) var flags: [Flag] = []
  package private(set) var operands: [String] = []
  /// How many operands stand before `--`; nil without it.
  package private(set) var leadingCount: Int?

  /// - Parameters:
  ///   - options: the known flags; anything else that begins with a dash is refused. `--` ends the flags, `-` alone is
  ///   an operand.
  ///   - help: the command that shows the known flags.
  ///   - remedies: what to write instead of flags that are unknown here and known elsewhere, by their names.
  /// - Throws: `UsageError`.
  package init(
    _ words: [String], options: [Option], help: String, remedies: [String: String] = [:]
  ) throws(UsageError) {
    var rest = words[...]

    func fail(_ text: String) -> UsageError { UsageError("\(text); see \(help)") }

    func value(of option: Option, called word: String) throws(UsageError) -> String {
      guard let value = rest.popFirst() else { throw fail("\(word) needs a value (\(option.form ?? ""))") }
      return value
    }

    while let word = rest.popFirst() {
      if word == "-" || !word.hasPrefix("-") {
        operands.append(word)
      } else if word == "--" {
        leadingCount = operands.count
        operands += rest
        return
      } else if word.hasPrefix("--") {
        let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard let option = options.first(where: { $0.isCalled(String(parts[0])) && parts[0].count > 1 }) else {
          if let remedy = remedies[String(parts[0])], parts[0].count > 1 {
            throw fail("there is no flag --\(parts[0]): \(remedy)")
          }
          let names = options.flatMap { [$0.name] + $0.aliases }.filter { $0.count > 1 }
          throw fail(
            "there is no flag --\(parts[0])\(Spelling.suggestion(String(parts[0]), among: names, prefix: "--"))")
        }
        if option.form == nil {
          guard parts.count == 1 else { throw fail("--\(parts[0]) has no value") }
          flags.append(Flag(name: option.name, written: "--\(parts[0])", value: ""))
        } else {
          let value = parts.count == 2 ? String(parts[1]) : try value(of: option, called: word)
          flags.append(Flag(name: option.name, written: "--\(parts[0])", value: value))
        }
      } else {
        // Short flags may be joined, the last one with its value: -vn10.
        var letters = word.dropFirst()
        while let letter = letters.popFirst() {
          guard let option = options.first(where: { $0.isCalled(String(letter)) }) else {
            let remedy = remedies[String(letter)].map { ": \($0)" } ?? ""
            throw fail("there is no flag -\(letter)\(remedy)")
          }
          var given = ""
          if option.form != nil {
            given = letters.isEmpty ? try value(of: option, called: "-\(letter)") : String(letters)
            letters = ""
          }
          flags.append(Flag(name: option.name, written: "-\(letter)", value: given))
        }
      }
    }
  }

  package func has(_ flag: String) -> Bool { flags.contains { $0.name == flag } }

  /// How a flag was written the last time, for what is said about it.
  package func written(_ flag: String) -> String { flags.last { $0.name == flag }?.written ?? "--\(flag)" }

  /// The value that was given last.
  package func value(_ option: String) -> String? { flags.last { $0.name == option }?.value }

  /// All values that were given, in their order.
  package func values(_ option: String) -> [String] { flags.filter { $0.name == option }.map(\.value) }
}

/// Arguments that a program does not understand, and where to look.
package struct UsageError: Error, Sendable, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }
}
