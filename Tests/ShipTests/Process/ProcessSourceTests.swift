import Glibc
import LogsWire
import Synchronization
import Testing

@testable import LogsShip

/// Commands whose output is shipped to its last word.
struct ProcessSourceTests {
  private final class Ending: Sendable {
    let code = Atomic<Int32>(-1)
  }

  /// Runs a command to its end.
  private func run(
    _ command: [String], _ change: @escaping @Sendable (inout ProcessConfiguration) -> Void = { _ in },
    meanwhile: (SourceScene) async throws -> Void = { _ in }
  ) async throws -> (code: Int32, entries: [LogEntry], logged: [String]) {
    let scene = try SourceScene()
    let ending = Ending()
    try await scene.begin { _ in
      var configuration = ProcessConfiguration(
        name: "command", command: command, stream: StreamName(stored: "job"))
      change(&configuration)
      return ProcessSource(configuration) { ending.code.store($0, ordering: .relaxed) }
    }
    try await meanwhile(scene)
    #expect(try await scene.waitUntil { _ in ending.code.load(ordering: .relaxed) >= 0 })
    return (ending.code.load(ordering: .relaxed), await scene.entries(), await scene.logged())
  }

  private func texts(_ entries: [LogEntry], _ stream: AttributeValue) -> [String] {
    entries.filter { $0.attributes.contains(LogAttribute("stream", stream)) }.map(\.text)
  }

  @Test func `stdout and stderr have an attribute each, and the exit code is the command's`() async throws {
    let (code, entries, _) = try await run(["sh", "-c", "echo out; echo err >&2; printf last; exit 7"])
    #expect(code == 7)
    #expect(texts(entries, "stdout") == ["out", "last"])
    #expect(texts(entries, "stderr") == ["err"])
    #expect(entries.allSatisfy { $0.time > 0 })
  }

  @Test func `much output is shipped whole and in order`() async throws {
    let (code, entries, _) = try await run(["seq", "200000"])
    #expect(code == 0)
    #expect(entries.count == 200_000)
    #expect(entries.enumerated().allSatisfy { $1.text == String($0 + 1) })
  }

  @Test func `a line keeps its own time, and others have that of their arrival`() async throws {
    let (_, entries, _) = try await run(["sh", "-c", #"echo '{"time":"2026-01-10T12:00:00Z","msg":"x"}'; echo y"#])
    #expect(entries.map(\.text) == ["x", "y"])
    #expect(entries[0].time == 1_768_046_400_000_000_000)
    #expect(entries[1].time != entries[0].time)
  }

  @Test func `a signal is passed on, and its number is in the exit code`() async throws {
    let (code, entries, _) = try await run(["sh", "-c", "echo up; exec sleep 3600"]) { _ in
    } meanwhile: { scene in
      _ = try await scene.shipped(1)
      await scene.with { ($0 as? ProcessSource)?.pass(SIGTERM) }
    }
    #expect(code == 128 + SIGTERM)
    #expect(entries.map(\.text) == ["up"])
  }

  @Test func `the last words in a handler of a signal are shipped`() async throws {
    let script = "trap 'echo bye; echo err >&2; exit 3' TERM; echo up; while :; do sleep 0.01; done"
    let (code, entries, _) = try await run(["sh", "-c", script]) { _ in
    } meanwhile: { scene in
      _ = try await scene.shipped(1)
      await scene.with { ($0 as? ProcessSource)?.pass(SIGTERM) }
    }
    #expect(code == 3)
    #expect(texts(entries, "stdout") == ["up", "bye"])
    #expect(texts(entries, "stderr") == ["err"])
  }

  @Test func `a command that is not there, or is none, is said`() async throws {
    let missing = try await run(["/nowhere/at-all"])
    #expect(missing.code == 127)
    #expect(missing.logged == ["command: cannot run /nowhere/at-all: No such file or directory"])
    let directory = try await run(["/"])
    #expect(directory.code == 126)
  }

  private func waitForWaiting(_ scene: SourceScene) async throws {
    #expect(try await scene.waitUntil { _ in true })
    while await !scene.logged().contains(where: { $0.contains("waits for them") }) {
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  @Test func `who keeps the output open behind the command is waited for, as in a shell's pipeline`() async throws {
    let script = "(trap 'echo late; exit' USR1; echo ready; while :; do sleep 0.01; done) & echo $!; exit 4"
    let (code, entries, logged) = try await run(["sh", "-c", script]) { _ in
    } meanwhile: { scene in
      let process = try #require(try await scene.shipped(2).compactMap { Int32($0.text) }.first)
      try await waitForWaiting(scene)
      kill(process, SIGUSR1)
    }
    #expect(code == 4)
    #expect(entries.count == 3 && entries.last?.text == "late" && entries.contains { $0.text == "ready" })
    #expect(logged == ["command has ended, and others still have its output open: waits for them; a signal ends it"])
  }

  @Test func `a signal ends the wait for who keeps the output open`() async throws {
    let (code, entries, _) = try await run(["sh", "-c", "(exec sleep 3600) & echo $!; exit 4"]) { _ in
    } meanwhile: { scene in
      try await waitForWaiting(scene)
      await scene.with { ($0 as? ProcessSource)?.pass(SIGTERM) }
    }
    #expect(code == 4)
    let process = try #require(entries.first.flatMap { Int32($0.text) })
    kill(process, SIGKILL)
  }

  @Test func `a trace is one entry, with lines of the other stream behind it`() async throws {
    let script = "printf 'a.b.Refusal: x\\n\\tat a.b(C.java:1)\\n' >&2; sleep 0.2; echo out"
    let (_, entries, _) = try await run(["sh", "-c", script])
    #expect(entries.map(\.text) == ["a.b.Refusal: x\n\tat a.b(C.java:1)", "out"])
  }
}
