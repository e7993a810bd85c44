internal import LogsText

/// What the flags, the environment and the profiles say about the connection. The first of these that has something
/// counts: flags, the profile that `--profile` names, the environment, the profile that `$LOGS_PROFILE` names or else
/// the one called `default`.
struct ConnectionSettings {
  struct Setting {
    let value: String
    let origin: String
  }

  /// The profile in use.
  let profile: Setting?
  let file: ProfileFile
  let server: Setting?
  /// The token, or the file that it is in.
  let token: Setting?
  let tokenFile: Setting?
  // For servers with TLS.
  let caCertificate: Setting?
  let certificate: Setting?
  let key: Setting?
  /// Whether the command line says which server, itself or by a profile.
  let isServerGiven: Bool

  static let usualProfile = "default"
  private static let builtIn = "built-in"

  init(_ arguments: Arguments) throws(CommandError) {
    let file = try ProfileFile()
    self.file = file
    let given = Self.flag("profile", arguments)
    let usual = Setting(value: Self.usualProfile, origin: Self.builtIn)
    let profile =
      given ?? Self.variable("LOGS_PROFILE") ?? (file.settings(of: usual.value) == nil ? nil : usual)
    self.profile = profile
    let settings =
      try profile.map { profile throws(CommandError) in try Self.settings(of: profile.value, in: file) } ?? [:]
    func fromProfile(_ name: String, isGiven: Bool) -> Setting? {
      guard isGiven == (given != nil) else { return nil }
      return settings[name].map { Setting(value: $0.value, origin: $0.origin) }
    }
    func certificateFile(_ name: String) -> Setting? {
      let variable = "LOGS_" + String(name.map { $0 == "-" ? "_" : Character($0.uppercased()) })
      return Self.flag(name, arguments) ?? fromProfile(name, isGiven: true) ?? Self.variable(variable)
        ?? fromProfile(name, isGiven: false)
    }
    caCertificate = certificateFile("ca-cert")
    certificate = certificateFile("cert")
    key = certificateFile("key")
    let named = Self.flag("server", arguments) ?? fromProfile("server", isGiven: true)
    isServerGiven = named != nil
    server = named ?? Self.variable("LOGS_SERVER") ?? fromProfile("server", isGiven: false)

    // Of each place the token, and then the file.
    let places: [(token: Setting?, file: Setting?)] = [
      (Self.flag("token", arguments), nil), (nil, Self.flag("token-file", arguments)),
      (nil, fromProfile("token-file", isGiven: true)), (nil, Self.variable("LOGS_TOKEN_FILE")),
      (Self.variable("LOGS_TOKEN"), nil), (nil, fromProfile("token-file", isGiven: false)),
    ]
    let place = places.first { $0.token != nil || $0.file != nil }
    (token, tokenFile) = (place?.token, place?.file)
  }

  private static func settings(
    of profile: String, in file: ProfileFile
  ) throws(CommandError) -> [String: ProfileFile.Setting] {
    if let settings = file.settings(of: profile) { return settings }
    if !file.exists {
      throw .usage(
        "there is no profile '\(profile)', for there is no \(file.path) that can be read; see logs help config")
    }
    let names = file.profiles.map(\.name)
    let known = names.isEmpty ? "none" : names.joined(separator: ", ")
    let suggestion = Spelling.suggestion(profile, among: names)
    throw .usage("\(file.path) has no profile '\(profile)'; it has: \(known)\(suggestion)")
  }

  private static func flag(_ name: String, _ arguments: Arguments) -> Setting? {
    arguments.value(name).map { Setting(value: $0, origin: "--\(name)") }
  }

  /// An empty variable counts as none.
  private static func variable(_ name: String) -> Setting? {
    guard let value = Terminal.environment(name), !value.isEmpty else { return nil }
    return Setting(value: value, origin: "$\(name)")
  }
}
