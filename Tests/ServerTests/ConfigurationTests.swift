import Foundation
import LogsTransport
import Testing

@testable import LogsServer

@Suite struct ConfigurationTests {
  private func configure(_ arguments: [String], _ environment: [String: String] = [:]) throws -> Configuration {
    try Configuration(arguments: arguments, environment: { environment[$0] })
  }

  private func message(_ arguments: [String], _ environment: [String: String] = [:]) -> String? {
    do {
      _ = try configure(arguments, environment)
      return nil
    } catch { return "\(error)" }
  }

  @Test func `without anything said the defaults hold`() throws {
    let settings = try configure([]).settings
    #expect(settings.dataDirectory == "./logs-data")
    #expect(settings.endpoints == [.tcp(host: "127.0.0.1", port: 5647)])
    #expect(settings.heartbeat == .seconds(10))
  }

  @Test func `every setting reads back what it prints`() throws {
    let defaults = ServerSettings()
    for setting in Setting.all where !setting.read(defaults).isEmpty {
      var copy = ServerSettings()
      try setting.write(setting.read(defaults), &copy)
      #expect(setting.read(copy) == setting.read(defaults), "\(setting.name)")
    }
  }

  @Test func `flags win over environment over file`() throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("logs-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let file = directory.appendingPathComponent("logsd.conf").path
    try "# a comment\nheartbeat = 1s\nstreams = 5 # five\n\nconnections=7\n".write(
      toFile: file, atomically: true, encoding: .utf8)
    let configuration = try configure(
      ["--config", file, "--heartbeat=3s"], ["LOGSD_HEARTBEAT": "2s", "LOGSD_STREAMS": "6"])
    #expect(configuration.settings.heartbeat == .seconds(3))
    #expect(configuration.settings.streamCountMax == 6)
    #expect(configuration.settings.connectionCountMax == 7)
    #expect(configuration.description.contains(/heartbeat +=.3s..#.--heartbeat/))
    #expect(configuration.description.contains("# LOGSD_STREAMS"))
    #expect(configuration.description.contains("# \(file):5"))
  }

  @Test func `the state directory of systemd is the data directory`() throws {
    #expect(try configure([], ["STATE_DIRECTORY": "/var/lib/logs"]).settings.dataDirectory == "/var/lib/logs")
    #expect(try configure(["--data", "x"], ["STATE_DIRECTORY": "/var/lib/logs"]).settings.dataDirectory == "x")
  }

  @Test func `several addresses are one list, and a Unix socket stands beside them`() throws {
    let settings = try configure(["--listen", "[::1]:1", "--listen-unix", "/tmp/s", "--listen", "a:2"]).settings
    #expect(settings.endpoints == [.tcp(host: "::1", port: 1), .tcp(host: "a", port: 2), .unix(path: "/tmp/s")])
    #expect(
      try configure(["--listen", "none", "--listen-unix", "/tmp/s"]).settings.endpoints == [.unix(path: "/tmp/s")])
  }

  @Test func `a server that would listen nowhere is refused`() {
    #expect(message(["--listen", "none"])?.contains("nothing to listen on") == true)
  }

  @Test func `mistakes are named with where they are`() throws {
    #expect(message(["--hartbeat", "1s"]) == "there is no flag --hartbeat; see logsd --help")
    #expect(message(["--heartbeat"]) == "--heartbeat needs a value; see logsd --help")
    #expect(message(["--heartbeat", "0s"])?.hasPrefix("--heartbeat: '0s' is no time span") == true)
    #expect(message([], ["LOGSD_SEGMENT_BYTES": "9"])?.hasPrefix("LOGSD_SEGMENT_BYTES: '9' is no size from 1M") == true)
    #expect(message(["--config", "/does/not/exist"])?.contains("/does/not/exist: No such file") == true)
    #expect(message(["data"])?.hasPrefix("'data' is no flag") == true)
  }

  @Test(arguments: [("512", 512), ("256M", 256 << 20), ("1g", 1 << 30), ("0", 0)])
  func `sizes are read in powers of 1,024`(text: String, count: Int) { #expect(ByteSize.parse(text) == count) }

  @Test(arguments: ["", "-1", "M", "1.5G", "9223372036854775807K", "1Q"])
  func `what is no size is refused`(text: String) { #expect(ByteSize.parse(text) == nil) }

  @Test(arguments: ["", "0s", "-1s", "10", "1 s", "99999999999999d"])
  func `what is no time span is refused`(text: String) { #expect(TimeSpan.parse(text) == nil) }
}
