import Testing

/// The scripts of `logs completion`, run by their shells.
@Suite(.ownThread) struct ShellCompletionTests {
  @Test(arguments: [
    (
      "/bin/bash", ["--norc", "-c"], "source <(logs completion bash)",
      "COMP_WORDS=(logs {words}) COMP_CWORD={count}; _logs; printf '%s\\n' \"${COMPREPLY[@]}\""
    ),
    (
      "/usr/bin/zsh", ["-f", "-c"], "source <(logs completion zsh)",
      "compadd() { print -l -- $found }; words=(logs {words}); CURRENT=$(({count} + 1)); _logs"
    ),
    ("/usr/bin/fish", ["--no-config", "-c"], "logs completion fish | source", "complete -C 'logs {words}'"),
  ]) func `commands, flags and names of streams are completed`(
    shell: String, flags: [String], load: String, ask: String
  ) throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let file = try scene.file("f", LogLines.file(LogLines.plain(1)))
      for name in ["web", "app/one", "app/two"] { #expect(try server.run(["push", name, file]).exit == .code(0)) }
      for name in ["website", "cat.txt", "application"] { try scene.file(name, "".utf8) }
      let directory = Binaries.logs.split(separator: "/").dropLast().joined(separator: "/")
      func complete(_ words: String, count: Int) throws -> Set<String> {
        let question = ask.replacing("{words}", with: words).replacing("{count}", with: "\(count)")
        let run = try scene.run(
          shell, flags + ["cd \(scene.path("")); \(load); \(question)"],
          environment: [
            "PATH": "/\(directory):/usr/bin:/bin", "LOGS_SERVER": server.url, "HOME": scene.path(""),
          ])
        return Set(run.lines)
      }
      #expect(try complete("comp", count: 1) == ["complete", "completion"])
      #expect(try complete("query --hist", count: 2) == ["--histogram"])
      #expect(try complete("follow app/", count: 2) == ["app/one", "app/two"])
      // Files only where nothing else is known: not beside formats and streams.
      #expect(try complete("query web -o c", count: 4) == ["cat", "csv"])
      #expect(try complete("query we", count: 2) == ["web"])
      #expect(try complete("push web app", count: 3).isDisjoint(with: ["app/one", "app/two"]))
    }
  }
}
