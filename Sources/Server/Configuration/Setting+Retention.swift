internal import LogsStore
internal import LogsText
internal import LogsWire

/// How long, how much, and of which streams entries are kept (docs/retention.md).
extension Setting {
  static let retention: [Setting] = [
    Setting(
      name: "retention-age", form: "TIME",
      help: "entries go once they were received this long ago, with whole segments; 'none' keeps them (default)",
      write: { text, configuration throws(SettingError) in
        if text == "none" {
          configuration.retention.ageMax = nil
          return
        }
        guard let value = TimeSpan.parse(text), value >= .seconds(1) else {
          throw SettingError("'\(text)' is no time span of 1s or more; write it like 12h or 14d, or 'none'")
        }
        configuration.retention.ageMax = value
      }, read: { $0.retention.ageMax.map { TimeSpan.format($0) } ?? "none" }),
    Setting(
      name: "retention-size", form: "BYTES",
      help:
        "what all files of the data directory may take: the oldest entries go first; 'none' sets no limit (default)",
      write: { text, configuration throws(SettingError) in
        if text == "none" {
          configuration.retention.byteCountMax = nil
          return
        }
        guard let value = ByteSize.parse(text), value >= RetentionPolicy.byteCountMaxMin else {
          throw SettingError("'\(text)' is no size of 64M or more; write it like 20GB, or 'none'")
        }
        configuration.retention.byteCountMax = value
      }, read: { $0.retention.byteCountMax.map { ByteSize.format($0) } ?? "none" }),
    Setting(
      name: "retention", form: "PATTERN: TIME, BYTES; ...", separator: ";",
      help:
        """
        what is kept of the streams that a pattern matches, like 'docker/*: 7d, 2GB': the age of entries, what all \
        these streams together may take, or both; the first rule that matches counts, and its age holds instead of \
        retention-age; 'PATTERN: none' keeps everything; behind them come those for the server's own streams, unless \
        theirs are among them
        """,
      write: { text, configuration throws(SettingError) in
        let defaults = OwnStreams.rules
        let rules = text == "none" ? [] : try rules(text)
        configuration.retention.rules = rules + defaults.filter { own in !rules.contains { $0.pattern == own.pattern } }
      },
      read: { configuration in
        let rules = configuration.retention.rules
        return rules.isEmpty ? "none" : rules.map(format).joined(separator: "; ")
      }),
    Setting(
      name: "disk-min-free", form: "BYTES|N%",
      help: "what stays free on the disk: with less, appends are refused; a share is at least 256M",
      write: { text, configuration throws(SettingError) in
        if text.last == "%", let percent = Int(text.dropLast()), (0...90).contains(percent) {
          configuration.retention.diskFreeMin = percent == 0 ? .bytes(0) : .percent(percent)
        } else if let value = ByteSize.parse(text) {
          configuration.retention.diskFreeMin = .bytes(value)
        } else {
          throw SettingError("'\(text)' is no size like 1G, nor a share of the disk from 0% to 90%")
        }
      },
      read: { configuration in
        switch configuration.retention.diskFreeMin {
        case .bytes(let count): ByteSize.format(count)
        case .percent(let percent): "\(percent)%"
        }
      }),
    Setting(
      name: "archive", form: "DIR",
      help:
        """
        where every segment is copied once it is sealed, and stays when retention removes it here: a directory on \
        another disk; 'none' copies nothing (default)
        """,
      write: { text, configuration throws(SettingError) in
        guard !text.contains("\n"), !text.isEmpty else { throw SettingError("needs a directory, or 'none'") }
        // A name has one form: it is compared with the one that was noted.
        var path = text
        while path.utf8.count > 1, path.utf8.last == UInt8(ascii: "/") { path.removeLast() }
        configuration.archive = text == "none" ? nil : path
      }, read: { $0.archive ?? "none" }),
    Setting(
      name: "archive-retention-age", form: "TIME",
      help: "entries go from the archive, too, once they were received this long ago; 'none' keeps them (default)",
      write: { text, configuration throws(SettingError) in
        if text == "none" {
          configuration.archiveAgeMax = nil
          return
        }
        guard let value = TimeSpan.parse(text), value >= .seconds(1) else {
          throw SettingError("'\(text)' is no time span of 1s or more; write it like 365d, or 'none'")
        }
        configuration.archiveAgeMax = value
      }, read: { $0.archiveAgeMax.map { TimeSpan.format($0) } ?? "none" }),
  ]

  private static func rules(_ text: String) throws(SettingError) -> [RetentionRule] {
    var rules: [RetentionRule] = []
    for part in text.split(separator: ";") {
      let part = part.trimmed
      if !part.isEmpty { rules.append(try rule(part)) }
    }
    guard rules.count <= RetentionPolicy.ruleCountMax else {
      throw SettingError("has \(rules.count) rules; the limit is \(RetentionPolicy.ruleCountMax)")
    }
    return rules
  }

  private static func rule(_ text: String) throws(SettingError) -> RetentionRule {
    // A name may have colons, a limit has none.
    guard let colon = text.lastIndex(of: ":") else {
      throw SettingError("'\(text)' has no limit; write PATTERN: TIME, BYTES like 'docker/*: 7d, 2GB'")
    }
    let pattern: StreamPattern
    do throws(LogError) { pattern = try StreamPattern(text[..<colon].trimmed) } catch {
      throw SettingError("\(error.message)")
    }
    var rule = RetentionRule(pattern: pattern)
    let limits = text[text.index(after: colon)...].split(separator: ",").map(\.trimmed)
    if limits == ["none"] { return rule }
    for limit in limits {
      // `7M` is a size, `7m` a time.
      if rule.ageMax == nil, let age = TimeSpan.parse(limit), age >= RetentionPolicy.ruleAgeMin {
        rule.ageMax = age
      } else if rule.byteCountMax == nil, let byteCount = ByteSize.parse(limit),
        byteCount >= RetentionPolicy.ruleByteCountMin
      {
        rule.byteCountMax = byteCount
      } else {
        throw SettingError(
          """
          '\(limit)' is not an age of \(TimeSpan.format(RetentionPolicy.ruleAgeMin)) or more, nor a size of \
          \(ByteSize.format(RetentionPolicy.ruleByteCountMin)) or more, or is the second of its kind; write the rule \
          like '\(pattern): 7d, 2GB', or '\(pattern): none'
          """)
      }
    }
    guard rule.ageMax != nil || rule.byteCountMax != nil else {
      throw SettingError("'\(text)' has no limit; write it like '\(pattern): 7d, 2GB', or '\(pattern): none'")
    }
    return rule
  }

  private static func format(_ rule: RetentionRule) -> String {
    let limits = [
      rule.ageMax.map { TimeSpan.format($0) }, rule.byteCountMax.map { ByteSize.format($0) },
    ].compactMap(\.self)
    return "\(rule.pattern): \(limits.isEmpty ? "none" : limits.joined(separator: ", "))"
  }
}
