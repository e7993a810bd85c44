import LogsStore
import LogsTransport
import Testing

@testable import LogsServer

/// What a second reading of the settings changes while the server runs.
@Suite struct SettingsReloadTests {
  /// A value of each setting that is not its default.
  private static let others: [(name: String, value: String)] = [
    ("listen", "10.0.0.1:1"), ("listen-tls", "10.0.0.1:2"), ("listen-http", "10.0.0.1:3"),
    ("listen-https", "10.0.0.1:4"), ("http-host", "logs.example.com"),
    ("http-allow-origin", "https://app.example.com"), ("base-path", "/logs"),
    ("trusted-proxy", "10.0.0.0/8"), ("listen-unix", "/run/x.sock"), ("tls-cert", "/x.pem"), ("tls-key", "/x.key"),
    ("tls-client-ca", "/ca.pem"), ("unix-allow", "root: read:a; 1000: append:b"), ("cert-allow", "web: read:a"),
    ("insecure-plain", "yes"), ("insecure-open", "yes"), ("data", "/x"), ("shards", "7"), ("reader-threads", "7"),
    ("connections", "7"), ("connections-per-address", "7"), ("append-rate", "1500"), ("append-rate-entries", "7"),
    ("append-rate-stream", "1M"), ("append-rate-stream-entries", "7"), ("new-streams", "7"),
    ("queries-per-client", "7"), ("subscriptions", "7"),
    ("followed-streams", "7"), ("streams", "7"), ("append-bytes", "2097153"), ("append-batches", "7"),
    ("append-bytes-total", "3M"), ("output-bytes", "65537"), ("output-bytes-total", "3M"), ("heartbeat", "1234ms"),
    ("handshake-timeout", "7s"), ("output-timeout", "7s"), ("stop-advice", "go-elsewhere"), ("drain-timeout", "7s"),
    ("tail-entries", "7"), ("tail-bytes", "7"), ("journal-bytes", "1M"), ("segment-bytes", "1048577"),
    ("segment-age", "90m"), ("segment-idle", "90s"), ("rewrite-delay", "7ms"), ("upkeep-cpu", "7"),
    ("seal-timeout", "7s"), ("retention-age", "7d"),
    ("retention-size", "67108865"), ("retention", "a/*: 7d, 2G; $audit: none"), ("disk-min-free", "7%"),
    ("archive", "/x/archive"), ("archive-retention-age", "70d"),
    ("log-level", "error"), ("log-format", "json"), ("log-stream", "no"),
  ]

  /// Those that a server keeps until it is started again.
  private static let fixed = [
    "listen", "listen-tls", "listen-http", "listen-https", "listen-unix", "tls-cert", "tls-key", "tls-client-ca",
    "insecure-plain", "insecure-open", "data", "shards", "reader-threads", "append-bytes-total", "tail-entries",
    "tail-bytes", "journal-bytes",
  ]

  @Test func `there is a row for each setting`() {
    #expect(Set(Self.others.map(\.name)) == Set(Setting.all.map(\.name)))
    #expect(Set(Setting.all.filter { !$0.isReloadable }.map(\.name)) == Set(Self.fixed))
  }

  @Test(arguments: Self.others.map(\.name))
  func `a setting that has changed is applied, or said to count from the next start`(name: String) throws {
    let setting = try #require(Setting.named(name))
    let value = try #require(Self.others.first { $0.name == name }?.value)
    let running = ServerConfiguration()
    var read = running
    try setting.write(value, &read)
    #expect(setting.read(read) != setting.read(running))
    let reload = SettingsReload(from: running, to: read)
    let text = reload.lines.map(\.text).joined(separator: "\n")
    if setting.isReloadable {
      #expect(reload.postponed.isEmpty && reload.applied.map(\.name) == [name])
      #expect(setting.read(reload.configuration) == setting.read(read))
      #expect(text.contains("\(name) is \(setting.read(read)), it was"), "\(text)")
    } else {
      #expect(reload.applied.isEmpty && reload.postponed == [name])
      #expect(setting.read(reload.configuration) == setting.read(running))
      #expect(text == "\(name) counts from the next start: restart the server")
    }
    // All others stay.
    for other in Setting.all where other.name != name {
      #expect(other.read(reload.configuration) == other.read(running), "\(other.name)")
    }
  }

  @Test func `all of them at once are each applied or named`() throws {
    let running = ServerConfiguration()
    var read = running
    for (name, value) in Self.others { try #require(Setting.named(name)).write(value, &read) }
    let reload = SettingsReload(from: running, to: read)
    #expect(Set(reload.applied.map(\.name) + reload.postponed) == Set(Setting.all.map(\.name)))
    #expect(Set(reload.postponed) == Set(Self.fixed))
    #expect(reload.lines.map(\.level) == [.notice, .warn])
    // What was applied is what runs: the same file again changes nothing more, and the rest is still named.
    let again = SettingsReload(from: reload.configuration, to: read)
    #expect(again.applied.isEmpty && again.postponed == reload.postponed)
    let none = SettingsReload(from: running, to: running)
    #expect(none.lines == [.notice("the settings were read again: nothing has changed")])
  }

  @Test func `help and the list of settings say which can change`() throws {
    let reader = try ConfigurationReader(arguments: ["--help"], environment: [:])
    for setting in Setting.all {
      let row = reader.help.split(separator: "\n").first { $0.hasPrefix("  --\(setting.name) ") }
      #expect(row?.contains(" (reload) [") == setting.isReloadable, "\(row ?? "no row of \(setting.name)")")
      let shown = reader.description.split(separator: "\n").first { $0.hasPrefix("\(setting.name) ") }
      #expect(shown?.hasSuffix(" (reload)") == setting.isReloadable, "\(shown ?? "")")
    }
  }
}
