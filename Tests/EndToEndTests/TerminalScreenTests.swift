import Foundation
import Testing

/// What a terminal shows of each form of output: a session of tmux, which interprets what it is sent.
@Suite(.ownThread) struct TerminalScreenTests {
  private static let tmux = "/usr/bin/tmux"
  private static let rowCount = 60

  /// What the rows of a screen of 80 columns hold, escapes and spaces at their ends left out.
  private static func rows(_ text: String) -> [String] {
    var rows = text.replacing(/␛\[[0-9;]*m/, with: "").split(separator: "\n", omittingEmptySubsequences: false)
      .map {
        String($0.replacing(/\ +$/, with: "").replacing(/(received"?:? *"?)20[-0-9T:.]*Z/) { "\($0.output.1)RECEIVED" })
      }
    while rows.last == "" { rows.removeLast() }
    return rows
  }

  @Test(.enabled(if: access(tmux, X_OK) == 0)) func `each form of output reads on a screen as it was written`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      for (stream, entries) in Golden.entries {
        let file = try scene.file("entries", entries.utf8)
        try expectSuccess(server.run(["push", stream, file, "--format", "json"]))
      }
      // A screen does not show tabs, nor characters that change its direction.
      let screens = Golden.screens.filter {
        $0.columnCount == 80 && !$0.text.contains("<RLO>") && !$0.text.contains("\t")
      }
      #expect(screens.count > 5)
      let socket = scene.path("tmux")
      defer { _ = try? scene.run(Self.tmux, ["-S", socket, "kill-server"]) }
      for (number, screen) in screens.enumerated() {
        let script = """
          "$LOGS" query --utc --color never "$@" --server "$SERVER"; printf 'exit %s.' $?; read -r line
          """
        let started = try scene.run(
          Self.tmux,
          ["-S", socket, "-f", "/dev/null", "-u", "new-session", "-d", "-s", "s\(number)", "-x", "80"]
            + ["-y", "\(Self.rowCount)", "-e", "LOGS=\(Binaries.logs)", "-e", "SERVER=\(server.url)"]
            + ["-e", "LC_ALL=C.UTF-8", "-e", "LOGS_PAGER=cat", "sh", "-c", script, "sh"] + screen.words)
        #expect(started.exit == .code(0), "\(started.errors)")
        var shown = ""
        try Polling.wait(for: "the screen of \(screen.words)") {
          shown = try scene.run(Self.tmux, ["-S", socket, "capture-pane", "-p", "-J", "-t", "s\(number)"]).text
          return shown.contains("exit 0.")
        }
        let found = Self.rows(shown.replacing("exit 0.", with: ""))
        let expected = Self.rows(screen.text)
        #expect(found == expected, "\(screen.words)")
      }
    }
  }
}
