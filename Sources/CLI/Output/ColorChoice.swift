internal import LogsText

/// Whether output is coloured.
enum ColorChoice: String, CaseIterable {
  case auto
  case always
  case never

  /// The flag given last, else `LOGS_COLOR`, else `NO_COLOR`, else `CLICOLOR_FORCE` or `FORCE_COLOR`, else `TERM=dumb`,
  /// else whether stdout is a terminal.
  static func isOn(
    _ arguments: Arguments, isTerminal: Bool, environment: (String) -> String?
  ) throws(CommandError) -> Bool {
    let flag = arguments.flags.last { $0.name == "color" || $0.name == "no-color" }
    let choice: ColorChoice
    if let flag {
      choice = flag.name == "no-color" ? .never : try named(flag.value, by: "--color")
    } else if let value = given("LOGS_COLOR", environment) {
      choice = try named(value, by: "LOGS_COLOR")
    } else {
      choice = .auto
    }
    switch choice {
    case .always: return true
    case .never: return false
    case .auto: break
    }
    if given("NO_COLOR", environment) != nil { return false }
    for name in ["CLICOLOR_FORCE", "FORCE_COLOR"] {
      if let value = given(name, environment), value != "0" { return true }
    }
    return environment("TERM") != "dumb" && isTerminal
  }

  /// An empty variable counts as none.
  private static func given(_ name: String, _ environment: (String) -> String?) -> String? {
    environment(name).flatMap { $0.isEmpty ? nil : $0 }
  }

  private static func named(_ text: String, by giver: String) throws(CommandError) -> ColorChoice {
    guard let choice = ColorChoice(rawValue: text) else {
      throw .notOne(text, of: allCases.map(\.rawValue), for: giver)
    }
    return choice
  }
}
