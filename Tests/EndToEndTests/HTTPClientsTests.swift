import Foundation
import Testing

/// The clients of docs/http-clients.md, each run as a user would.
@Suite(.ownThread) struct HTTPClientsTests {
  private static let node = "/usr/bin/node"
  private static let python = "/usr/bin/python3"
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Integrations/http").path

  /// Runs a client over links that are cut, while entries come, and expects each once and in order.
  private static func overCuts(_ start: (Scene, _ url: String, _ end: Int) throws -> ChildProcess) throws {
    try Scene.play { scene in
      let server = try TestServer(scene, transport: .web)
      let faults = [700, 2_000, 300, 5_000].map { FaultyProxy.Fault.cut(.toClient, after: $0) }
      let proxy = try FaultyProxy.start(server, faults + [.refuse])
      let door = proxy.url.replacingOccurrences(of: "logs+ws", with: "http")
      let count = 60
      let client = try start(scene, "\(door)/api/v1/streams/web/follow", count)
      let lines = (1...count).map { "entry \($0) 😀" }
      for line in lines {
        try expectSuccess(server.run(["push", "web"], input: .file(scene.file("line", "\(line)\n".utf8))))
      }
      try expectSuccess(server.run(["complete", "web"]))
      #expect(try client.wait() == .code(0), "\(Sample(client.errors.bytes))")
      #expect(client.output.lines == lines + [""])
    }
  }

  @Test(.enabled(if: access(node, X_OK) == 0)) func `the client for JavaScript goes on behind what it has`() throws {
    try Self.overCuts { scene, url, _ in
      let script = """
        import { follow } from '\(Self.folder)/follow.js'
        const events = follow('\(url)', { delay: 10 })
        for await (const { name, data } of events) if (name === 'log') console.log(data.message)
        """
      return try scene.start(Self.node, [scene.file("run.mjs", script.utf8)])
    }
  }

  @Test func `the client for Python goes on behind what it has`() throws {
    try Self.overCuts { scene, url, _ in
      let script = """
        import sys
        sys.path.insert(0, '\(Self.folder)')
        sys.dont_write_bytecode = True
        import follow
        for name, data in follow.follow('\(url)', delay=0.01):
            if name == 'log':
                print(data['message'], flush=True)
        """
      return try scene.start(Self.python, [scene.file("run.py", script.utf8)])
    }
  }

  @Test(.enabled(if: access(node, X_OK) == 0))
  func `what a page keeps says how it is doing, and gives up when it was told to`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, TestServer.listensForHTTP)
      try expectSuccess(server.run(["push", "web"], input: .file(scene.file("f", "one\ntwo\n".utf8))))
      let url = "\(try server.httpURL())/api/v1/streams/web/follow"
      let script = """
        import { watch } from '\(Self.folder)/follow.js'
        let last = ''
        watch('\(url)', { reconnect: 2, delay: 10 }, state => {
          const text = `${state.isStreaming} ${state.status} ${state.logs.map(log => log.message).join(',')}`
          if (text !== last) console.log(last = text)
        })
        """
      let client = try scene.start(Self.node, [scene.file("run.mjs", script.utf8)])
      try client.output.waitForText("true Streaming... one,two")
      try server.kill()
      #expect(try client.wait() == .code(0))
      let lines = client.output.lines
      #expect(
        lines.contains("false Reconnecting... (1/2) one,two") && lines.contains("false Reconnecting... (2/2) one,two"))
      #expect(lines.contains("false Max retries reached one,two"), "\(lines)")
    }
  }

  @Test(.enabled(if: access(node, X_OK) == 0)) func `a refusal ends the clients with its reason`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene, TestServer.listensForHTTP)
      let url = "\(try server.httpURL())/api/v1/streams/web/follow?filter=("
      let script = """
        import { follow } from '\(Self.folder)/follow.js'
        try { for await (const event of follow('\(url)')) console.log(event) } catch (error) {
          console.log(error.code, error.message)
        }
        """
      let javascript = try scene.run(Self.node, [scene.file("run.mjs", script.utf8)])
      #expect(javascript.text.hasPrefix("bad_request filter, column "), "\(javascript.text)")
      let python = try scene.run(Self.python, ["-B", "\(Self.folder)/follow.py", url])
      #expect(python.exit == .code(1) && python.errors.hasPrefix("follow.py: filter, column "), "\(python.errors)")
    }
  }
}
