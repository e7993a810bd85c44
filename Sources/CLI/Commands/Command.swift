/// One command of `logs`.
protocol Command {
  static var name: String { get }
  /// What stands behind the name in the help: `STREAM [FILE...]`.
  static var synopsis: String { get }
  /// One line for the list of commands.
  static var summary: String { get }
  /// What the help says below the synopsis.
  static var details: String { get }
  static var options: [Option] { get }

  /// - Returns: the exit code.
  static func run(_ arguments: Arguments) async throws -> Int32
}

enum Commands {
  static let all: [any Command.Type] = [
    PushCommand.self, FollowCommand.self, StreamsCommand.self, StatusCommand.self, CompleteCommand.self,
  ]

  static func named(_ name: String) -> (any Command.Type)? { all.first { $0.name == name } }
}
