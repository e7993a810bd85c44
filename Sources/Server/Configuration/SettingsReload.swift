internal import LogsStore
internal import LogsText

/// What a second reading of the settings changes while the server runs.
struct SettingsReload {
  struct Change: Hashable {
    let name: String
    let before: String
    let after: String
  }

  /// What counts from now on.
  private(set) var configuration: ServerConfiguration
  private(set) var applied: [Change] = []
  /// Those that count from the next start.
  private(set) var postponed: [String] = []

  /// - Parameters:
  ///   - running: what counts now.
  ///   - read: the settings as a start would use them now.
  init(from running: ServerConfiguration, to read: ServerConfiguration) {
    configuration = running
    for setting in Setting.all {
      let change = Change(name: setting.name, before: setting.read(running), after: setting.read(read))
      guard change.before != change.after else { continue }
      guard setting.isReloadable else {
        postponed.append(setting.name)
        continue
      }
      do throws(SettingError) { try setting.write(change.after, &configuration) } catch {
        preconditionFailure("a setting can be what it was read as: \(setting.name): \(error)")
      }
      applied.append(change)
    }
  }

  /// What is to be said of it.
  var lines: [LogLine] {
    var lines: [LogLine] = []
    if applied.isEmpty, postponed.isEmpty {
      lines.append(.notice("the settings were read again: nothing has changed"))
    }
    if !applied.isEmpty {
      let changes = applied.map { "\($0.name) is \(Self.quoted($0.after)), it was \(Self.quoted($0.before))" }
      lines.append(.notice("the settings were read again: \(changes.joined(separator: "; "))"))
    }
    if !postponed.isEmpty {
      let verb = postponed.count == 1 ? "counts" : "count"
      lines.append(.warn("\(postponed.joined(separator: ", ")) \(verb) from the next start: restart the server"))
    }
    return lines
  }

  private static func quoted(_ value: String) -> String { value.isEmpty ? "''" : value }
}

extension Setting {
  /// Whether a server that runs takes over another value when it reads its settings again.
  var isReloadable: Bool { Self.reloadable.contains(name) }

  /// Those that are looked at by value. A setting that is not here counts from the next start.
  private static let reloadable: Set<String> = [
    "http-host", "http-allow-origin", "base-path", "trusted-proxy", "unix-allow", "cert-allow", "connections",
    "connections-per-address",
    "append-rate", "append-rate-entries", "append-rate-stream", "append-rate-stream-entries", "new-streams",
    "subscriptions", "queries-per-client", "followed-streams", "streams", "append-bytes", "append-batches",
    "output-bytes", "output-bytes-total", "heartbeat",
    "handshake-timeout", "output-timeout", "stop-advice", "drain-timeout", "segment-bytes", "segment-age",
    "segment-idle", "rewrite-delay", "upkeep-cpu", "seal-timeout", "retention-age", "retention-size", "retention",
    "disk-min-free", "archive", "archive-retention-age", "log-level", "log-format", "log-stream",
  ]
}
