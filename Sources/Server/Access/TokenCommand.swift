internal import Glibc
internal import LogsSystem
internal import LogsText
internal import LogsWire

/// `logsd token`: makes, lists, renews and revokes tokens, whether the server runs or not.
struct TokenCommand {
  private enum Verb: String, CaseIterable {
    case create, list, show, rotate, revoke

    var flags: [String] {
      switch self {
      case .create: ["name", "allow", "expires"]
      case .rotate: ["name", "overlap", "expires"]
      case .show, .revoke: ["name"]
      case .list: []
      }
    }
  }

  private let arguments: Arguments
  private let now: Int64

  private static let options = [
    Option("data", form: "DIR", help: "the data directory of the server [as logsd finds it]"),
    Option("config", form: "FILE", help: "the server's configuration file"),
    Option("name", form: "NAME", help: "the token's name, for logs and for the other commands"),
    Option("allow", form: "RIGHT", help: "ACTION:PATTERN; may come several times (create)"),
    Option("expires", form: "TIME", help: "how long it is valid, like 90d; 'never' if it has no end (create, rotate)"),
    Option("overlap", form: "TIME", help: "how long the secrets before it stay valid [24h] (rotate)"),
    Option("help", ["h"], help: "this page"),
  ]

  static let help = """
    logsd token - who may do what

    usage: logsd token create --name NAME --allow RIGHT... [--expires TIME]
           logsd token list | show NAME
           logsd token rotate NAME [--overlap TIME] [--expires TIME]
           logsd token revoke NAME

    create and rotate print the secret alone on stdout, once: only its hash is
    stored. rotate makes a second secret of the same rights; those before it
    stay valid for the overlap. revoke ends connections that use the token.
    A server that runs sees a change within 3 s, or at once with SIGHUP. Once
    there is a token, clients need one, except over Unix sockets.

    A right is an action on the streams that match a pattern:
      append:ci/*   read:**   delete:tmp/**   admin:**
    'admin' is all of the others. The server's own streams need a pattern that
    begins with $, like read:$audit.

    \(TextTable.rows(options.map { ($0.synopsis, $0.help) }))

    Examples:
      logsd token create --name ci --allow append:ci/* --allow read:ci/* --expires 90d
      logsd token rotate ci > /etc/logs/token

    Exit codes: 0 done, 1 failed, 2 wrong usage.
    """

  /// The words after `token`.
  static func run(_ words: [String], environment: [String: String]) -> Int32 {
    do throws(CommandFailure) {
      let arguments = try parsed(words)
      if arguments.flags.contains(where: { $0.name == "help" }) || arguments.operands.first == "help" {
        Output.write(help, to: STDOUT_FILENO)
        return 0
      }
      // Before a file could take its place.
      guard fcntl(STDOUT_FILENO, F_GETFD) >= 0 else {
        throw CommandFailure(text: "stdout is closed, and what it says would be lost", isUsage: false)
      }
      let command = TokenCommand(arguments: arguments, now: SystemClock.wall())
      let verb = try command.verb()
      try command.run(verb, TokenFile(directory: try command.directory(environment)))
      return 0
    } catch {
      Output.write("logsd token: \(error.text)", to: STDERR_FILENO)
      return error.isUsage ? 2 : 1
    }
  }

  private struct CommandFailure: Error {
    let text: String
    let isUsage: Bool

    static func usage(_ text: String) -> CommandFailure {
      CommandFailure(text: "\(text); see logsd token --help", isUsage: true)
    }

    init(text: String, isUsage: Bool) {
      self.text = text
      self.isUsage = isUsage
    }

    init(_ error: SettingError) { self.init(text: error.description, isUsage: false) }
  }

  private static func parsed(_ words: [String]) throws(CommandFailure) -> Arguments {
    do { return try Arguments(words, options: options, help: "logsd token --help") } catch {
      throw CommandFailure(text: error.description, isUsage: true)
    }
  }

  /// The server's data directory, which must exist: a server that was never started has no tokens.
  private func directory(_ environment: [String: String]) throws(CommandFailure) -> String {
    let words = arguments.flags.filter { $0.name == "data" || $0.name == "config" }.flatMap {
      ["--\($0.name)", $0.value]
    }
    let directory: String
    do {
      directory = try ConfigurationReader(arguments: words, environment: environment).configuration.dataDirectory
    } catch { throw CommandFailure(text: error.description, isUsage: true) }
    guard unsafe access(directory, F_OK) == 0 else {
      throw CommandFailure(
        text: "there is no data directory \(directory); name the server's with --data, or start it once", isUsage: false
      )
    }
    return directory
  }

  /// What to do; flags that mean nothing for it are refused.
  private func verb() throws(CommandFailure) -> Verb {
    let names = Verb.allCases.map(\.rawValue)
    guard let word = arguments.operands.first else { throw .usage("say what to do: \(names.joined(separator: ", "))") }
    guard let verb = Verb(rawValue: word) else {
      throw .usage("there is no 'token \(word)'\(Spelling.suggestion(word, among: names))")
    }
    for flag in arguments.flags where !(["data", "config"] + verb.flags).contains(flag.name) {
      throw .usage("token \(word) takes no --\(flag.name)")
    }
    return verb
  }

  private func run(_ verb: Verb, _ file: TokenFile) throws(CommandFailure) {
    switch verb {
    case .list:
      try take(operands: 0)
      try say(Self.table(try tokens(file), now: now))
    case .show:
      let name = try self.name()
      let all = try tokens(file)
      let found = all.filter { $0.name == name }
      guard !found.isEmpty else { throw CommandFailure(Self.unknown(name, among: all)) }
      try say(Self.table(found, now: now))
    case .create: try create(file)
    case .rotate: try rotate(file)
    case .revoke: try say(try revoke(file))
    }
  }

  private func say(_ text: String) throws(CommandFailure) {
    do { try Self.print(text) } catch { throw CommandFailure(error) }
  }

  /// A secret that nobody got must not be stored: it is printed before that, and whether that worked is looked at.
  private static func print(_ text: String) throws(SettingError) {
    do { try Descriptor.write(Array("\(text)\n".utf8), to: STDOUT_FILENO) } catch {
      throw SettingError("cannot write to stdout: \(error.text)")
    }
  }

  private func tokens(_ file: TokenFile) throws(CommandFailure) -> [Token] {
    do { return try file.read() ?? [] } catch { throw CommandFailure(error) }
  }

  private func change<Result>(
    _ file: TokenFile, _ body: (inout [Token]) throws(SettingError) -> Result
  ) throws(CommandFailure) -> Result {
    do { return try file.change(body) } catch { throw CommandFailure(error) }
  }

  // MARK: - What it does

  private func create(_ file: TokenFile) throws(CommandFailure) {
    let name = try self.name()
    let values = self.values("allow")
    guard !values.isEmpty else { throw .usage("say what it may do, like --allow append:ci/* --allow read:ci/*") }
    var grants: [Rights.Grant] = []
    for value in values {
      do { grants.append(try Rights.Grant(value)) } catch { throw .usage("--allow: \(error)") }
    }
    let expires = try self.expires()
    let secret = TokenSecret.make()
    let token = Token(name: name, hash: TokenHash(of: secret), created: now, expires: expires, grants: grants)
    try change(file) { tokens throws(SettingError) in
      guard !tokens.contains(where: { $0.name == name }) else {
        throw SettingError("there is a token '\(name)' already; rotate it for a new secret, or revoke it first")
      }
      tokens.append(token)
      try Self.print(secret)
    }
  }

  private func rotate(_ file: TokenFile) throws(CommandFailure) {
    let name = try self.name()
    let overlap = try span("overlap") ?? .seconds(24 * 3_600)
    let expires = try self.expires()
    let secret = TokenSecret.make()
    let now = now
    try change(file) { tokens throws(SettingError) in
      guard let newest = tokens.last(where: { $0.name == name }) else { throw Self.unknown(name, among: tokens) }
      let end = Self.time(now, plus: overlap)
      for index in tokens.indices where tokens[index].name == name {
        tokens[index].expires = min(tokens[index].expires ?? .max, end)
      }
      tokens.removeAll { $0.name == name && $0.isExpired(now) }
      // Without a time of its own it is valid as long as the one before was made to be.
      let lifetime = newest.expires.map { $0 - newest.created }
      let usual = lifetime.map { now.addingReportingOverflow($0).partialValue }
      tokens.append(
        Token(
          name: name, hash: TokenHash(of: secret), created: now,
          expires: values("expires").isEmpty ? usual : expires, grants: newest.grants))
      try Self.print(secret)
    }
  }

  private func revoke(_ file: TokenFile) throws(CommandFailure) -> String {
    let name = try self.name()
    let count = try change(file) { tokens throws(SettingError) in
      let kept = tokens.filter { $0.name != name }
      let count = tokens.count - kept.count
      guard count > 0 else { throw Self.unknown(name, among: tokens) }
      tokens = kept
      return count
    }
    return "revoked '\(name)': \(Figures.count(count, "secret", "secrets"))"
  }

  private static func unknown(_ name: String, among tokens: [Token]) -> SettingError {
    SettingError(
      "there is no token '\(name)'\(Spelling.suggestion(name, among: tokens.map(\.name))); see logsd token list")
  }

  // MARK: - Arguments

  private func values(_ option: String) -> [String] { arguments.flags.filter { $0.name == option }.map(\.value) }

  private func take(operands count: Int) throws(CommandFailure) {
    let rest = arguments.operands.dropFirst()
    guard rest.count <= count else { throw .usage("'\(rest[rest.startIndex + count])' is one word too many") }
  }

  /// From `--name`, or the word behind the verb.
  private func name() throws(CommandFailure) -> String {
    try take(operands: values("name").isEmpty ? 1 : 0)
    guard let name = values("name").last ?? arguments.operands.dropFirst().first else {
      throw .usage("name the token")
    }
    do { try Token.check(name: name) } catch { throw .usage(error.description) }
    return name
  }

  private func span(_ option: String) throws(CommandFailure) -> Duration? {
    guard let text = values(option).last else { return nil }
    guard let span = TimeSpan.parse(text) else {
      throw .usage("--\(option): '\(text)' is no time span; write it like 12h or 90d")
    }
    return span
  }

  private func expires() throws(CommandFailure) -> Int64? {
    values("expires").last == "never" ? nil : try span("expires").map { Self.time(now, plus: $0) }
  }

  private static func time(_ now: Int64, plus span: Duration) -> Int64 {
    let (time, isTooFar) = now.addingReportingOverflow(span.nanoseconds)
    return isTooFar ? .max : time
  }

  private static func table(_ tokens: [Token], now: Int64) -> String {
    let heading = ["NAME", "CREATED", "EXPIRES", "STATE", "RIGHTS"]
    let rows =
      [heading]
      + tokens.map { token in
        [
          token.name, "\(Timestamp.rfc3339(token.created).prefix(10))",
          token.expires.map { "\(Timestamp.rfc3339($0).prefix(19))Z" } ?? "never",
          token.isExpired(now) ? "expired" : "valid", token.grants.map(\.description).joined(separator: " "),
        ]
      }
    let widths = heading.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ").trimmed
    }.joined(separator: "\n")
  }
}
