import Foundation
import Testing

/// Profiles of servers in a file, and where each setting is from.
@Suite(.ownThread) struct ProfileTests {
  private func config(_ scene: Scene, _ text: String) throws -> String {
    try FileManager.default.createDirectory(atPath: scene.path("logs"), withIntermediateDirectories: true)
    return try scene.file("logs/config", text.utf8)
  }

  private func logs(_ scene: Scene, _ words: [String], _ environment: [String: String] = [:]) throws -> Finished {
    try scene.run(
      Binaries.logs, words, environment: ["XDG_CONFIG_HOME": scene.directory].merging(environment) { $1 })
  }

  /// Lines of `config show` as `name value origin`.
  private func shown(
    _ scene: Scene, _ words: [String] = [], _ environment: [String: String] = [:]
  ) throws -> [String: [String]] {
    let run = try logs(scene, ["config", "show"] + words, environment)
    #expect(run.exit == .code(0) && run.errors.isEmpty, "\(run.errors)")
    let rows = run.lines.dropFirst().map { $0.split(separator: " ").map(String.init) }
    return Dictionary(uniqueKeysWithValues: rows.map { ($0[0], Array($0.dropFirst())) })
  }

  @Test func `each setting is that of the first place that has it, and config show says which`() throws {
    try Scene.play { scene in
      let none = try shown(scene)
      #expect(none["server"] == ["logs://127.0.0.1:5647", "built-in"] && none["profile"] == ["-", "-"])
      let file = try config(
        scene,
        """
        # servers
        [profile default]
        server = logs://usual:1

        [ profile prod ]   # the real one
          server=logs://prod:2,logs://prod:3
          token-file = prod.token
        """)
      #expect(try shown(scene)["server"] == ["logs://usual:1", "\(file):3"])
      #expect(try shown(scene)["profiles"] == ["default,", "prod", file])
      let prod = try shown(scene, ["--profile", "prod"], ["LOGS_SERVER": "logs://env", "LOGS_TOKEN": "secret"])
      #expect(prod["server"] == ["logs://prod:2,logs://prod:3", "\(file):6"])
      #expect(prod["token-file"] == [scene.path("logs/prod.token"), "\(file):7"] && prod["token"] == ["-", "-"])
      let variables = ["LOGS_PROFILE": "prod", "LOGS_SERVER": "logs://env", "LOGS_TOKEN": "secret"]
      let mixed = try shown(scene, [], variables)
      #expect(mixed["profile"] == ["prod", "$LOGS_PROFILE"] && mixed["server"] == ["logs://env", "$LOGS_SERVER"])
      #expect(mixed["token"] == ["(hidden)", "$LOGS_TOKEN"] && mixed["token-file"] == ["-", "-"])
      #expect(try shown(scene, ["--server", "logs://flag"], variables)["server"] == ["logs://flag", "--server"])
      let json = try logs(scene, ["config", "show", "-o", "json", "--token", "secret"])
      #expect(json.lines.contains(#"{"name":"server","value":"logs://usual:1","origin":"\#(file):3"}"#))
      #expect(!json.text.contains("secret"))
    }
  }

  @Test func `commands use the profile, before or behind their name, and completion does, too`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      _ = try config(scene, "[profile here]\nserver = \(server.url)\ntoken-file = token\n")
      let input = try scene.file("f", "one\n".utf8)
      try scene.file("logs/token", "t\n".utf8)
      try expectSuccess(logs(scene, ["push", "web", input, "--profile", "here"]))
      let query = try logs(scene, ["--profile", "here", "query", "web", "-o", "raw"])
      #expect(query.text == "one\n" && query.errors.contains("checks no tokens"), "\(query.errors)")
      #expect(try logs(scene, ["streams"], ["LOGS_PROFILE": "here"]).text.contains("web"))
      // It waits for a server for a second, and says nothing without it.
      try Polling.wait(for: "the word") {
        try logs(scene, ["completion", "words", "--", "query", "--profile", "here", "w"]).lines == ["web"]
      }
    }
  }

  @Test func `mistakes are named with their place`() throws {
    try Scene.play { scene in
      func refused(_ text: String?, _ words: [String] = [], saying reason: String) throws {
        if let text { _ = try config(scene, text) }
        for command in [["config", "show"], ["streams"]] {
          let run = try logs(scene, command + words)
          #expect(run.exit == .code(2) && run.output.isEmpty && run.errorLines.count == 1, "\(run.errors)")
          #expect(run.errors.contains(reason), "\(run.errors)")
        }
      }
      try refused(nil, ["--profile", "prod"], saying: "there is no profile 'prod', for there is no \(scene.directory)")
      try refused("[profile prod]\n", ["--profile", "prd"], saying: "has no profile 'prd'; it has: prod")
      try refused("\nserver = x", saying: "config:2: 'server' stands before")
      try refused(
        "[profile a]\nsever = x",
        saying: "config:2: a profile has server, token-file, ca-cert, cert, key, and no 'sever'; did")
      try refused("[profile a]\ntoken = x", saying: "write token-file")
      try refused("[profile a]\nca-file = x", saying: "no 'ca-file'")
      try refused("[profile a]\nserver", saying: "config:2: 'server' is neither")
      try refused("[profile a]\nserver =", saying: "has no value")
      try refused("[profile a]\n[profile a]", saying: "config:2: the profile 'a' comes twice")
      try refused("[a]", saying: "is not of the form [profile NAME]")
      try refused("[profile a]\nserver = x\nserver = y", saying: "config:3: 'server' comes twice")
    }
  }
}
