internal import Glibc
internal import LogsClient
internal import LogsSystem
internal import LogsText

/// The flags that every command takes: those about the connection, and `--quiet`.
enum ConnectionOptions {
  static let all = [
    Option(
      "server", form: "URL",
      help:
        "logs[+tls]://host[:port] or logs+unix:///path; several, separated by commas, are tried in turn"
    ),
    Option("token", form: "TOKEN", help: "what proves your rights to the server; better kept in $LOGS_TOKEN or a file"),
    Option("token-file", form: "FILE", help: "the file that holds the token"),
    Option("ca-cert", form: "FILE", help: "the CAs to trust instead of the system's, for a server with TLS"),
    Option("cert", form: "FILE", help: "your certificate, for a server that wants one; needs --key"),
    Option("key", form: "FILE", help: "the key of your certificate"),
    Option("profile", form: "NAME", help: "the server and token of this profile; see logs help config"),
    Option(
      "retry-for", form: "TIME",
      help:
        "give up after 30s, 5m, ... without an answer (default 0: at once; push, import, follow, spool drain: never)"),
    Option("quiet", ["q"], help: "no notices on stderr, only errors"),
  ]

  /// A client configured by the flags and the environment.
  ///
  /// - Parameter patience: how long to try.
  static func client(_ arguments: Arguments, patience: Duration?) throws -> LogClient {
    try LogClient(configuration(arguments, patience: patience))
  }

  /// The configuration alone, for commands that make several clients.
  static func configuration(_ arguments: Arguments, patience: Duration?) throws -> LogClientConfiguration {
    var configuration = LogClientConfiguration(name: "logs \(Version.number)")
    let settings = try ConnectionSettings(arguments)
    if let server = settings.server {
      if server.value.isEmpty {
        throw CommandError.usage("\(server.origin) is empty; write it like logs://127.0.0.1:5647, or leave it out")
      }
      configuration.servers = server.value.split(separator: ",").map(String.init)
    }
    try setToken(settings, &configuration)
    configuration.caCertificateFile = settings.caCertificate?.value
    configuration.certificateFile = settings.certificate?.value
    configuration.keyFile = settings.key?.value
    let isTLS = configuration.servers.contains { $0.hasPrefix("logs+tls") || $0.hasPrefix("logs+wss") }
    if !isTLS, let file = [settings.caCertificate, settings.certificate].compactMap(\.self).first {
      Terminal.note(
        "\(file.origin) has no effect: the server is spoken to in plain text; logs+tls:// and logs+wss:// are TLS")
    }
    // Somebody is watching: a server that is back should be noticed soon.
    configuration.backoff.cap = .seconds(1)
    configuration.reconnectDeadline = patience
    return configuration
  }

  /// How long to try, from `--retry-for`.
  ///
  /// - Parameter usual: the value without the flag; nil is no limit, zero is one attempt.
  static func patience(_ arguments: Arguments, else usual: Duration?) throws(CommandError) -> Duration? {
    try arguments.span("retry-for") ?? usual
  }

  /// The token of a flag or variable, or what reads it from a file for each connection.
  private static func setToken(
    _ settings: ConnectionSettings, _ configuration: inout LogClientConfiguration
  ) throws(CommandError) {
    guard let path = settings.tokenFile?.value else { return configuration.token = settings.token?.value }
    try checkPermissions(of: path)
    let token: String
    do { token = try firstLine(of: path) } catch { throw CommandError("cannot read \(path): \(error.text)") }
    guard !token.isEmpty else { throw CommandError("the token file \(path) holds no token in its first line") }
    configuration.tokenProvider = {
      let token = try firstLine(of: path)
      // A shell that writes it anew empties it first.
      guard !token.isEmpty else { throw CommandError("the token file \(path) holds no token in its first line") }
      return token
    }
  }

  /// A file that others can write is refused: they could have this client act with their token. One that they can read
  /// is only reported, since container engines make secrets like that.
  private static func checkPermissions(of path: String) throws(CommandError) {
    var status = stat()
    guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return }
    if status.st_mode & 0o022 != 0 {
      throw CommandError("others can write to the token file \(path); take that right away: chmod go-w \(path)")
    }
    if status.st_mode & 0o044 != 0 {
      Terminal.note("others can read the token file \(path); better: chmod go-r \(path)")
    }
  }

  private static func firstLine(of path: String) throws(SystemError) -> String {
    let content = try Descriptor.open(path, O_RDONLY).readAll(atMost: tokenFileByteCountMax)
    let line = content.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    return String(String(decoding: line, as: UTF8.self).filter { $0 != " " && $0 != "\t" })
  }

  private static let tokenFileByteCountMax = 8 << 10
}
