import Foundation
import LogsStore
import LogsTransport
import LogsWire
import Testing

@testable import LogsServer

@Suite struct ConfigurationReaderTests {
  private func configure(_ arguments: [String], _ environment: [String: String] = [:]) throws -> ConfigurationReader {
    try ConfigurationReader(arguments: arguments, environment: environment)
  }

  private func message(_ arguments: [String], _ environment: [String: String] = [:]) -> String? {
    do {
      _ = try configure(arguments, environment)
      return nil
    } catch { return "\(error)" }
  }

  @Test func `without settings the defaults apply`() throws {
    let configuration = try configure([]).configuration
    #expect(configuration.dataDirectory == "./logs-data")
    #expect(configuration.endpoints == [.tcp(host: "127.0.0.1", port: 5647)])
    #expect(configuration.heartbeat == .seconds(10))
  }

  @Test func `where the door for HTTP stands is a setting`() throws {
    let words = [
      "--listen-http", "unix:/run/logs.sock,5649", "--base-path", "/a/logs", "--trusted-proxy", "::1, 10.0.0.0/8",
    ]
    let configuration = try configure(words).configuration
    #expect(
      configuration.doors.suffix(2).map(\.description) == ["http+unix:///run/logs.sock", "http://127.0.0.1:5649"])
    #expect(configuration.httpBasePath == "/a/logs")
    #expect(configuration.httpProxies.map(\.description) == ["::1", "10.0.0.0/8"])
    for setting in Setting.all where ["listen-http", "base-path", "trusted-proxy"].contains(setting.name) {
      var copy = ServerConfiguration()
      try setting.write(setting.read(configuration), &copy)
      #expect(setting.read(copy) == setting.read(configuration), "\(setting.name)")
    }
    for path in ["logs", "/", "/logs/", "//", "/a?b", "/a b", ""] {
      #expect(message(["--base-path", path])?.contains("base path") == true, "\(path)")
    }
    for address in ["localhost", "10.0.0.0/33", "1,", ""] {
      #expect(message(["--trusted-proxy", address])?.contains("address") == true, "\(address)")
    }
  }

  @Test func `an archive is neither in the data directory nor around it, whatever links and however new`() throws {
    let place = FileManager.default.temporaryDirectory.path + "/logs-places-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: "\(place)/a/b", withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: place) }
    try FileManager.default.createSymbolicLink(atPath: "\(place)/link", withDestinationPath: "a")
    for (data, archive, words) in [
      ("a", "a", "is in the data directory"), ("a", "a/", "is in the data directory"),
      ("a", "a/b", "is in the data directory"), ("a", "a/new/more", "is in the data directory"),
      ("a", "link", "is in the data directory"), ("a", "link/b/new", "is in the data directory"),
      ("link", "a/b", "is in the data directory"), ("a", "./a//b/../archive", "is in the data directory"),
      ("new", "new", "is in the data directory"), ("new/data", "new/data/x", "is in the data directory"),
      ("link/new", "a/new/x", "is in the data directory"), ("a/b", "a", "has the data directory"),
      ("link/b", "a", "has the data directory"), ("new/data", "new", "has the data directory"),
      ("a/b", "link", "has the data directory"), ("a/b/new", "link/b", "has the data directory"),
    ] {
      let message = message(["--data", "\(place)/\(data)", "--archive", "\(place)/\(archive)"])
      #expect(message?.contains("--archive: ") == true, "\(data) \(archive)")
      #expect(message?.contains("\(words)") == true, "\(data) \(archive): \(message ?? "")")
      #expect(message?.contains("name a directory outside of it") == true)
    }
    for (data, archive) in [
      ("a", "archive"), ("a/b", "a/c"), ("new", "new2"), ("a/new", "link/other"), ("a/b", "link/new"), ("a/bc", "a/b"),
    ] {
      let message = message(["--data", "\(place)/\(data)", "--archive", "\(place)/\(archive)"])
      #expect(message == nil, "\(data) \(archive)")
    }
    let data = ["--data", "\(place)/a"]
    let words = "--archive: /dev/null/archive cannot be made, since /dev/null is no directory"
    #expect(message(data + ["--archive", "/dev/null/archive"])?.hasPrefix(words) == true)
    // A disk may come later.
    let remarks = try configure(data + ["--archive", "\(place)/x/b"]).configuration.remarks
    #expect(
      remarks.contains { $0.hasPrefix("--archive: \(place)/x/b cannot be made, since \(place)/x does not") },
      "\(remarks)")
    // Who only asks need not be able to write there.
    for archive in ["/dev/null/archive", "\(place)/x/b"] {
      let shown = try configure(data + ["--archive", archive, "config", "show"])
      #expect(shown.request == .printConfig && shown.configuration.remarks.isEmpty)
    }
    #expect(message(["--data", "\(place)/a"], ["LOGSD_ARCHIVE": "\(place)/a/b"])?.hasPrefix("LOGSD_ARCHIVE: ") == true)
  }

  @Test func `a setting that needs another one says so`() throws {
    for (name, value, other) in [
      ("archive-retention-age", "9d", "archive"), ("http-host", "logs.example.com", "listen-http or listen-https"),
      ("http-allow-origin", "https://a.example.com", "listen-http or listen-https"),
      ("base-path", "/logs", "listen-http or listen-https"),
      ("trusted-proxy", "10.0.0.1", "listen-http or listen-https"), ("tls-cert", "a.pem", "listen-tls or listen-https"),
      ("tls-key", "a.key", "listen-tls or listen-https"), ("tls-client-ca", "ca.pem", "listen-tls or listen-https"),
      ("unix-allow", "0: read:web", "listen-unix"),
    ] {
      let remarks = try configure(["--\(name)", value]).configuration.remarks
      #expect(remarks == ["--\(name) has no effect without \(other); set that, too, or take this away"])
    }
    let place = FileManager.default.temporaryDirectory.path
    for words in [
      ["--archive-retention-age", "none"],
      ["--archive-retention-age", "9d", "--archive", "\(place)/logs-archive-none"],
      ["--base-path", "/logs", "--listen-http", "0"], ["--tls-cert", "a.pem", "--listen-https", "0"],
      ["--unix-allow", "0: read:web", "--listen-http", "unix:/tmp/x"],
      ["--unix-allow", "0: read:web", "--listen-unix", "/tmp/x"],
    ] { #expect(try configure(words).configuration.remarks == [], "\(words)") }
  }

  @Test func `every setting can read what it prints`() throws {
    let defaults = ServerConfiguration()
    for setting in Setting.all where !setting.read(defaults).isEmpty {
      var copy = ServerConfiguration()
      try setting.write(setting.read(defaults), &copy)
      #expect(setting.read(copy) == setting.read(defaults), "\(setting.name)")
    }
  }

  @Test(
    arguments: [("none", nil), ("come-back", .comeBack), ("go-elsewhere", .goElsewhere)] as [(String, GoAway.Advice?)])
  func `advice for clients is a setting`(text: String, advice: GoAway.Advice?) throws {
    #expect(try configure(["--stop-advice", text]).configuration.stopAdvice == advice)
    #expect(message(["--stop-advice", "restart"])?.contains("none, come-back or go-elsewhere") == true)
  }

  @Test func `flags win over environment over file`() throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("logs-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let file = directory.appendingPathComponent("logsd.conf").path
    try "# a comment\nheartbeat = 1s\nstreams = 5 # five\n\nconnections=7\n".write(
      toFile: file, atomically: true, encoding: .utf8)
    let reader = try configure(
      ["--config", file, "--heartbeat=3s"], ["LOGSD_HEARTBEAT": "2s", "LOGSD_STREAMS": "6"])
    #expect(reader.configuration.heartbeat == .seconds(3))
    #expect(reader.configuration.streamCountMax == 6)
    #expect(reader.configuration.connectionCountMax == 7)
    #expect(reader.description.contains(/heartbeat +=.3s..#.--heartbeat/))
    #expect(reader.description.contains("# LOGSD_STREAMS"))
    #expect(reader.description.contains("# \(file):5"))
  }

  @Test func `the state directory of systemd is the data directory`() throws {
    #expect(try configure([], ["STATE_DIRECTORY": "/var/lib/logs"]).configuration.dataDirectory == "/var/lib/logs")
    #expect(try configure(["--data", "x"], ["STATE_DIRECTORY": "/var/lib/logs"]).configuration.dataDirectory == "x")
  }

  @Test func `several addresses form one list, and a Unix socket is separate`() throws {
    let configuration = try configure(["--listen", "[::1]:1", "--listen-unix", "/tmp/s", "--listen", "a:2"])
      .configuration
    #expect(configuration.endpoints == [.tcp(host: "::1", port: 1), .tcp(host: "a", port: 2), .unix(path: "/tmp/s")])
    #expect(
      try configure(["--listen", "none", "--listen-unix", "/tmp/s"]).configuration.endpoints == [.unix(path: "/tmp/s")])
  }

  @Test func `retention is set by age, size and what stays free on the disk`() throws {
    let retention = try configure(
      ["--retention-age", "14d", "--retention-size", "20GB", "--disk-min-free", "7%"]
    ).configuration.retention
    #expect(retention.ageMax == .seconds(14 * 24 * 3600) && retention.byteCountMax == 20 << 30)
    #expect(retention.diskFreeMin == .percent(7))
    let none = try configure(["--retention-age", "none", "--retention-size", "none", "--disk-min-free", "0"])
    #expect(none.configuration.retention.ageMax == nil && none.configuration.retention.byteCountMax == nil)
    #expect(none.configuration.retention.diskFreeMin == .bytes(0))
    #expect(ServerConfiguration().retention.diskFreeMin == .percent(5))
    #expect(message(["--retention-age", "0s"])?.contains("'0s' is no time span of 1s or more") == true)
    #expect(message(["--retention-size", "67108863"])?.contains("is no size of 64M or more") == true)
    #expect(message(["--disk-min-free", "91%"])?.contains("from 0% to 90%") == true)
  }

  @Test func `rules of retention are a list`() throws {
    let text = "a:b/*: 7d, 2GB;$audit:90d; ci/x: none"
    let rules = try configure(["--retention", text, "--retention", "**: 1M"]).configuration.retention.rules
    #expect(
      rules == [
        RetentionRule(pattern: try StreamPattern("a:b/*"), ageMax: .seconds(7 * 24 * 3600), byteCountMax: 2 << 30),
        RetentionRule(pattern: try StreamPattern("$audit"), ageMax: .seconds(90 * 24 * 3600)),
        RetentionRule(pattern: try StreamPattern("ci/x")),
        RetentionRule(pattern: .all, byteCountMax: 1 << 20),
        RetentionRule(pattern: try StreamPattern("$logsd"), ageMax: .seconds(14 * 24 * 3600), byteCountMax: 64 << 20),
      ])
    let printed = try #require(Setting.named("retention")).read(try configure(["--retention", text]).configuration)
    #expect(printed == "a:b/*: 7d, 2G; $audit: 90d; ci/x: none; $logsd: 14d, 64M")
    #expect(try configure(["--retention", "none"]).configuration.retention.rules == OwnStreams.rules)
    #expect(try #require(Setting.named("retention")).read(ServerConfiguration()) == "$logsd: 14d, 64M; $audit: 400d")
    for (text, reason) in [
      ("web", "has no limit"), ("web:", "has no limit"), ("we b: 7d", "a character other than"),
      ("web: 7", "'7' is not an age"), ("web: 59s", "'59s' is not an age"), ("web: 1d, 2d", "'2d' is not an age"),
      ("web: 1023K", "'1023K' is not an age"), (String(repeating: "a: 1d;", count: 101), "the limit is 100"),
    ] {
      #expect(message(["--retention", text])?.contains(reason) == true, "\(text)")
    }
  }

  @Test(arguments: [
    (["--listen", "foo:bar"], "--listen: 'foo:bar' has the port \"bar\"; write a number up to 65535"),
    (["--listen", "logs://127.0.0.1:1"], "--listen: 'logs://127.0.0.1:1' is no HOST:PORT; leave out the scheme"),
    (["--listen", "/tmp/s"], "give the path of a Unix socket with --listen-unix"),
    (["--unix-allow", "root append:a/*"], "has no colon behind the name; write 'root: append:a/*'"),
    (["--unix-allow", "append:a/*"], "'append:a/*' names nobody; write 'NAME: append:a/*'"),
    (["--cert-allow", "web: read:a"], "cert-allow has no effect without a client CA"),
  ])
  func `a mistake is answered with what to write`(arguments: [String], words: String) {
    #expect(message(arguments)?.contains(words) == true, "\(message(arguments) ?? "accepted")")
  }

  @Test func `a name where a port may have been meant is said to be one`() throws {
    let configuration = try configure(["--listen", "foo"]).configuration
    let refusal = #expect(throws: SettingError.self) { try Exposure(configuration, hasTokens: true).check() }
    #expect(refusal?.description.contains("where 'foo' is the name of a host (a port is a number)") == true)
  }

  @Test func `a server without any listener is refused`() {
    #expect(message(["--listen", "none"])?.contains("nothing to listen on") == true)
  }

  @Test func `mistakes are reported with their place`() throws {
    #expect(
      message(["--hartbeat", "1s"]) == "there is no flag --hartbeat; did you mean --heartbeat?; see logsd --help")
    #expect(message(["--frobnicate", "1s"]) == "there is no flag --frobnicate; see logsd --help")
    #expect(message(["--heartbeat"]) == "--heartbeat needs a value (TIME); see logsd --help")
    #expect(message(["--heartbeat", "0s"])?.hasPrefix("--heartbeat: '0s' is no time span") == true)
    #expect(message([], ["LOGSD_SEGMENT_BYTES": "9"])?.hasPrefix("LOGSD_SEGMENT_BYTES: '9' is no size from 1M") == true)
    let small = "--journal-bytes: '4k' is no size from 64K to 1G, or 0; write it like 256M"
    #expect(message(["--journal-bytes", "4k"]) == small)
    #expect(message(["--journal-bytes", "0"]) == nil && message(["--journal-bytes", "64k"]) == nil)
    #expect(message(["--config", "/does/not/exist"])?.contains("/does/not/exist: No such file") == true)
    #expect(message(["data"])?.hasPrefix("'data' is no flag") == true)
    #expect(message(["--connections", "many"])?.hasPrefix("--connections: 'many'") == true)
    #expect(message(["--heartbeat", "10"])?.contains("10s") == true)
    #expect(message(["--listen", "nowhere:port"])?.hasPrefix("--listen: ") == true)
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).conf")
    defer { do { try FileManager.default.removeItem(at: file) } catch { Issue.record(error) } }
    try "heartbeat = 10s\nfrobnicate = yes\n".write(to: file, atomically: true, encoding: .utf8)
    let told = message(["--config", file.path])
    #expect(told?.contains("\(file.path):2") == true && told?.contains("frobnicate") == true, "\(told ?? "")")
  }

  @Test func `a misspelled command or word of a setting is answered with the one that is meant`() {
    #expect(message(["tokn", "list"])?.contains("did you mean token?") == true)
    #expect(message(["--log-level", "wran"])?.hasSuffix("not 'wran'; did you mean warn?") == true)
    #expect(message(["--log-format", "jsn"])?.contains("did you mean json?") == true)
  }

  @Test func `an unknown variable is refused, with the name that it may have meant`() throws {
    let told = message([], ["LOGSD_HARTBEAT": "1s"])
    #expect(
      told?.hasPrefix("there is no setting for the variable LOGSD_HARTBEAT; did you mean LOGSD_HEARTBEAT?;") == true)
    #expect(message([], ["LOGSD_SEGMENT_BYTE": "1M"])?.contains("did you mean LOGSD_SEGMENT_BYTES?") == true)
    #expect(message([], ["LOGSD_CONFG": "x"])?.contains("did you mean LOGSD_CONFIG?") == true)
    #expect(message([], ["LOGSD_FROBNICATE": ""])?.hasSuffix("LOGSD_FROBNICATE; unset it, or see logsd --help") == true)
    #expect(message([], ["LOGSD_PORT": "5650"])?.contains("LOGSD_PORT") == true)
    // Variables that Kubernetes sets for a service of that name, and those for `logs`.
    let others = [
      "LOGSD_PORT": "tcp://10.0.0.1:5647", "LOGSD_PORT_5647_TCP_ADDR": "10.0.0.1", "LOGSD_SERVICE_HOST": "10.0.0.1",
      "LOGS_SERVER": "x", "LOGSDX": "y",
    ]
    #expect(message([], others) == nil)
  }

  @Test func `help is given whatever else is wrong, and shows the defaults that apply`() throws {
    let environment = ["LOGSD_HARTBEAT": "1s", "LOGSD_STREAMS": "no", "STATE_DIRECTORY": "/var/lib/logs"]
    let help = try configure(["--help"], environment).help
    for line in try configure([], ["STATE_DIRECTORY": "/var/lib/logs"]).description.split(separator: "\n") {
      let name = line.prefix { $0 != " " }
      let value = line.drop { $0 != "=" }.dropFirst(2).split(
        separator: "  #", maxSplits: 1, omittingEmptySubsequences: false)[0]
      let row = try #require(help.split(separator: "\n").first { $0.hasPrefix("  --\(name) ") })
      #expect(row.hasSuffix("[\(value)]"), "\(row)")
    }
  }

  @Test(arguments: [
    ("5650", Endpoint.tcp(host: "127.0.0.1", port: 5650), false), (":5650", .tcp(host: "127.0.0.1", port: 5650), false),
    ("localhost", .tcp(host: "localhost", port: 5647), false), ("[::1]:1", .tcp(host: "::1", port: 1), false),
    ("127.1.2.3:0", .tcp(host: "127.1.2.3", port: 0), false), ("0.0.0.0:5650", .tcp(host: "0.0.0.0", port: 5650), true),
    ("[::]:1", .tcp(host: "::", port: 1), true), ("10.0.0.1", .tcp(host: "10.0.0.1", port: 5647), true),
    ("logs.example.org:80", .tcp(host: "logs.example.org", port: 80), true),
  ])
  func `an address to listen on is open to others or not`(text: String, endpoint: Endpoint, isOpen: Bool)
    throws
  {
    #expect(try configure(["--listen", text]).configuration.endpoints == [endpoint])
    #expect(endpoint.isOpenToOthers == isOpen)
  }

  @Test(arguments: ["65536", ":", ":x", "", "5650,", "1.2.3.4:"])
  func `an invalid listen address is refused`(text: String) {
    #expect(message(["--listen", text])?.hasPrefix("--listen: ") == true)
  }
}
