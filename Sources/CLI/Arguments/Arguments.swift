internal import LogsClient
internal import LogsSystem
internal import LogsText
internal import LogsWire

/// The words behind a command, sorted into flags and operands.
struct Arguments {
  private(set) var operands: [String] = []
  private var values: [String: String] = [:]
  private var flags: Set<String> = []

  /// - Parameter options: what the command knows; anything else that begins with a dash is refused. `--` ends the flags,
  ///   `-` alone is an operand.
  /// - Throws: `CommandError` of wrong usage.
  init(_ words: [String], options: [Option], command: String) throws(CommandError) {
    var index = 0
    var isPastFlags = false

    func fail(_ text: String) -> CommandError { .usage("\(text); see logs help \(command)") }

    func value(of option: Option, called word: String) throws(CommandError) -> String {
      guard index < words.count else { throw fail("\(word) needs a value (\(option.form ?? ""))") }
      defer { index += 1 }
      return words[index]
    }

    while index < words.count {
      let word = words[index]
      index += 1
      if isPastFlags || word == "-" || !word.hasPrefix("-") {
        operands.append(word)
      } else if word == "--" {
        isPastFlags = true
      } else if word.hasPrefix("--") {
        let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard let option = options.first(where: { $0.isCalled(String(parts[0])) && parts[0].count > 1 }) else {
          let names = options.flatMap { [$0.name] + $0.aliases }.filter { $0.count > 1 }
          throw fail("there is no flag --\(parts[0])\(Spelling.question(String(parts[0]), among: names, prefix: "--"))")
        }
        if option.form == nil {
          guard parts.count == 1 else { throw fail("--\(parts[0]) has no value") }
          flags.insert(option.name)
        } else {
          values[option.name] = parts.count == 2 ? String(parts[1]) : try value(of: option, called: word)
        }
      } else {
        // Short flags may stand together, the last one with its value behind it: -vn10.
        var rest = word.dropFirst()
        while let letter = rest.popFirst() {
          guard let option = options.first(where: { $0.isCalled(String(letter)) }) else {
            throw fail("there is no flag -\(letter)")
          }
          if option.form == nil {
            flags.insert(option.name)
          } else {
            values[option.name] = rest.isEmpty ? try value(of: option, called: "-\(letter)") : String(rest)
            rest = ""
          }
        }
      }
    }
  }

  func has(_ flag: String) -> Bool { flags.contains(flag) }

  func value(_ option: String) -> String? { values[option] }

  /// A whole number of at least `least`.
  func number(_ option: String, atLeast least: UInt64 = 0) throws(CommandError) -> UInt64? {
    guard let text = values[option] else { return nil }
    guard let number = UInt64(text), number >= least else {
      throw .usage("--\(option) takes a whole number of at least \(least), not '\(text)'")
    }
    return number
  }

  /// A time, in nanoseconds since 1970.
  func time(_ option: String) throws(CommandError) -> Int64? {
    guard let text = values[option] else { return nil }
    guard let time = TimeText.parse(text, now: SystemClock.wall()) else {
      throw .usage(
        "--\(option) takes a time like 2026-01-10T12:00:00Z, '2026-01-10 12:00', 10m, 2h, 3d, today or unix seconds, not '\(text)'"
      )
    }
    return time
  }
}
