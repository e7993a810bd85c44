internal import LogsClient
internal import LogsText

/// `logs config`: which server the other commands would use, and why.
enum ConfigCommand {
  static let command = Command(
    name: "config", synopsis: "show", summary: "show which server and token are used, and where that is said",
    details: """
      Shows the settings that a command with the same flags would use, and where each is from. It asks no
      server, and does not show the token.

      Profiles are kept in $XDG_CONFIG_HOME/logs/config, or else ~/.config/logs/config:

        [profile prod]
        server = logs+tls://logs.example.org
        token-file = prod.token     # beside this file; ~/ is the home directory
        ca-cert = prod-ca.pem       # cert and key, too, if the server wants one

      --profile NAME or $LOGS_PROFILE picks one, or else it is the one called default, if there is one.
      Flags go first, then the profile that --profile names, then the environment, and then the profile
      that was not named by a flag.
      """, options: [Option.reportFormat], run: run)

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    guard arguments.operands == ["show"] else {
      throw CommandError.usage("config takes show, and nothing else: logs config show; see logs help config")
    }
    let format = try arguments.reportFormat()
    let settings = try ConnectionSettings(arguments)
    let profiles = settings.file.profiles.map(\.name)
    let rows = [
      Row(name: "profile", value: settings.profile?.value, origin: settings.profile?.origin),
      Row(name: "server", value: settings.server?.value, origin: settings.server?.origin, usual: usualServer),
      Row(name: "token", value: settings.token.map { _ in "(hidden)" }, origin: settings.token?.origin),
      Row(name: "token-file", value: settings.tokenFile?.value, origin: settings.tokenFile?.origin),
      Row(name: "ca-cert", value: settings.caCertificate?.value, origin: settings.caCertificate?.origin),
      Row(name: "cert", value: settings.certificate?.value, origin: settings.certificate?.origin),
      Row(name: "key", value: settings.key?.value, origin: settings.key?.origin),
      Row(
        name: "profiles", value: profiles.isEmpty ? nil : profiles.joined(separator: ", "),
        origin: settings.file.exists ? settings.file.path : nil),
    ]
    try Report(rows, columns, zone: .utc).write(format)
    return ExitCode.done
  }

  private struct Row {
    let name: String
    let value: String?
    let origin: String?

    init(name: String, value: String?, origin: String?, usual: String? = nil) {
      self.name = name
      self.value = value ?? usual
      self.origin = origin ?? (usual == nil ? nil : "built-in")
    }
  }

  private static let usualServer = LogClientConfiguration(name: "logs").servers.joined(separator: ",")

  private static var columns: [Report.Column<Row>] {
    [
      Report.Column("name", "SETTING") { .text($0.name) },
      Report.Column("value", "VALUE") { row in row.value.map { .text($0) } ?? .none },
      Report.Column("origin", "FROM") { row in row.origin.map { .text($0) } ?? .none },
    ]
  }
}
