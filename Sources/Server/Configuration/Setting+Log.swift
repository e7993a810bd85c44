internal import LogsStore
internal import LogsText

/// What the server says about itself.
extension Setting {
  static let log: [Setting] = [
    choice("log-level", "the least level of what the server's own log has", \.logLevel),
    choice(
      "log-format", "how its lines look: as text, or each as an object of JSON with time, level and message",
      \.logFormat),
    Setting(
      name: "log-stream", form: "yes|no",
      help: "whether its lines are entries of the stream $logsd, too, for those who may read that",
      write: { text, configuration throws(SettingError) in
        guard ["yes", "no"].contains(text) else { throw SettingError("takes yes or no, not '\(text)'") }
        configuration.isLogStream = text == "yes"
      }, read: { $0.isLogStream ? "yes" : "no" }),
  ]

  /// One of several words.
  private static func choice<Value: RawRepresentable<String> & CaseIterable & SendableMetatype>(
    _ name: String, _ help: String, _ path: Path<Value>
  ) -> Setting {
    let words = Value.allCases.map(\.rawValue)
    return Setting(
      name: name, form: words.joined(separator: "|"), help: help,
      write: { text, configuration throws(SettingError) in
        guard let value = Value(rawValue: text) else {
          throw SettingError(
            "takes \(words.joined(separator: ", ")), not '\(text)'\(Spelling.suggestion(text, among: words))")
        }
        configuration[keyPath: path] = value
      }, read: { $0[keyPath: path].rawValue })
  }
}
