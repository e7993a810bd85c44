internal import LogsText

/// The exit codes of `logs`.
enum ExitCode {
  static let done: Int32 = 0
  static let failed: Int32 = 1
  static let usage: Int32 = 2
  static let unreachable: Int32 = 3
  static let notAllowed: Int32 = 4
  static let dataMissing: Int32 = 5

  /// As in shells: 129 for SIGHUP, 130 for SIGINT, 143 for SIGTERM.
  static func interrupted(by signal: Int32) -> Int32 { 128 + signal }
}

/// Why a command cannot be carried out: one line that says what failed, why, and what to do, and the exit code.
struct CommandError: Error, CustomStringConvertible {
  let description: String
  let exitCode: Int32

  init(_ description: String, exitCode: Int32 = ExitCode.failed) {
    self.description = description
    self.exitCode = exitCode
  }

  static func usage(_ description: String) -> CommandError { CommandError(description, exitCode: ExitCode.usage) }

  /// For a word that is none of those that a flag or command knows.
  ///
  /// - Parameter taker: what takes them: `--sort`, `completion`.
  static func notOne(_ word: String, of names: [String], for taker: String) -> CommandError {
    let all = names.dropLast().joined(separator: ", ") + (names.count > 1 ? " or " : "") + (names.last ?? "")
    return .usage("\(taker) takes \(all), not '\(word)'\(Spelling.suggestion(word.lowercased(), among: names))")
  }
}
