internal import LogsText

/// One command of `logs`: what its help says, and what it does.
struct Command: Sendable {
  let name: String
  /// What follows the name in the help: `STREAM [FILE...]`.
  let synopsis: String
  /// One line for the list of commands.
  let summary: String
  /// What the help says below the synopsis.
  let details: String
  let options: [Option]
  /// Returns the exit code.
  let run: @Sendable (Arguments) async throws -> Int32

  static let all = [
    PushCommand.command, ShipCommand.command, FollowCommand.command, QueryCommand.command, ExportCommand.command,
    ImportCommand.command, StreamsCommand.command, StatusCommand.command,
    CompleteCommand.command, DeleteCommand.command, SealCommand.command, SpoolCommand.command, BenchCommand.command,
    ConfigCommand.command, CompletionCommand.command, ManCommand.command,
  ]

  static func named(_ name: String) -> Command? { all.first { $0.name == name } }
}
