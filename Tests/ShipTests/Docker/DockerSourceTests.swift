import Glibc
import LogsTransport
import LogsWire
import Synchronization
import Testing

@testable import LogsClient
@testable import LogsShip
@testable import LogsSimulation

/// A source and an engine that drops connections, restarts, and loses containers.
struct DockerSourceTests {
  @Test(arguments: [false, true])
  func `what is there is read and not followed, if that is asked for`(isRotated: Bool) async throws {
    let rig = try await DockerRig()
    rig.configuration.follows = false
    try await rig.on { rig in
      for name in ["one", "two"] {
        rig.engine.write(rig.engine.create(name, isRotated: isRotated), 1, "line of \(name)")
      }
      rig.begin()
      #expect(rig.source?.isCatchingUp == true)
    }
    try await rig.until("the end") { $0.source?.isCatchingUp == false && $0.desk.waiting.isEmpty }
    #expect(
      try await rig.on { [$0.lines("docker/one"), $0.lines("docker/two")] } == [["line of one"], ["line of two"]])
    #expect(try await rig.on { $0.engine.followerCount } == 0)
    #expect(try await rig.on { $0.source?.problem } == nil)
    try await rig.end()
  }

  @Test func `history is shipped, then what is written after it`() async throws {
    let rig = try await DockerRig()
    try await rig.on { rig in
      let id = rig.engine.create("web")
      rig.engine.write(id, 1, "one")
      rig.engine.now += 1
      rig.engine.write(id, 2, "two")
      rig.engine.now += 1_000_000_000
      rig.begin()
    }
    try await rig.until("the history") { $0.lines("docker/web") == ["one", "two"] }
    try await rig.until("the follow") { $0.engine.followerCount == 1 && $0.engine.hearsEvents }
    try await rig.on { rig in
      rig.engine.now += 5
      rig.engine.write(rig.engine.containers[0].id, 1, String(repeating: "x", count: 40_000))
    }
    try await rig.until("the long line") { $0.lines("docker/web").count == 3 }
    let entries = try await rig.on { rig in rig.desk.shipped.map(\.entry) }
    #expect(entries[0].kind == .status, "the container was found running")
    #expect(entries[0].attributes["action"] == "start")
    #expect(entries[0].attributes["container.name"] == "web")
    #expect(entries[0].attributes["container.id"]?.text?.hasPrefix("web0") == true)
    #expect(entries[1].attributes["stream"] == "stdout")
    #expect(entries[2].attributes["stream"] == "stderr")
    #expect(entries[2].time == entries[1].time + 1)
    #expect(entries[3].message.count == 40_000)
    #expect(try await rig.on { $0.engine.requests.allSatisfy { $0.hasPrefix("GET ") } })
    try await rig.end()
  }

  @Test func `each event becomes one entry, over a restart of the shipper`() async throws {
    let rig = try await DockerRig()
    try await rig.on { $0.begin() }
    try await rig.until("the events") { $0.engine.hearsEvents }
    let id = try await rig.on { $0.engine.create("job", isTerminal: true) }
    try await rig.until("its follow") { $0.engine.followerCount == 1 }
    try await rig.on { rig in
      rig.engine.write(id, 1, "line")
      rig.engine.endRun(id, exitCode: 3)
    }
    try await rig.until("its end") { $0.statuses("docker/job") == ["create", "start", "die"] }
    try await rig.until("its line") { $0.lines("docker/job") == ["line"] }
    try await rig.on { rig in
      rig.kill()
      rig.engine.now += 1_000_000
      rig.engine.beginRun(id)
      rig.engine.write(id, 1, "again")
      rig.begin()
    }
    try await rig.until("the line of the next run") { $0.lines("docker/job") == ["line", "again"] }
    try await rig.until("its follow") { $0.engine.followerCount == 1 }
    try await rig.on { $0.engine.remove(id) }
    try await rig.until("the removal") { !$0.desk.bookmarks.keys.contains(DockerBookmark.key(id, "docker")) }
    #expect(
      try await rig.on { $0.statuses("docker/job") } == ["create", "start", "die", "start", "die", "destroy"])
    #expect(try await rig.on { $0.desk.completed }.isEmpty)
    try await rig.end()
  }

  @Test func `the stream of a removed container is completed if that is asked for`() async throws {
    let rig = try await DockerRig()
    let (gone, kept) = try await rig.on { rig in
      rig.configuration.completesRemoved = true
      let ids = (rig.engine.create("gone"), rig.engine.create("kept"))
      rig.engine.write(ids.0, 1, "a")
      rig.engine.write(ids.1, 1, "b")
      rig.engine.now += 1_000_000_000
      rig.begin()
      return ids
    }
    try await rig.until("both follows") { $0.engine.followerCount == 2 && $0.lines("docker/gone") == ["a"] }
    // It goes while nobody looks.
    try await rig.on { rig in
      rig.kill()
      rig.engine.remove(gone)
      rig.engine.events = []
      rig.begin()
    }
    try await rig.until("the completion") { $0.desk.completed == [StreamName(stored: "docker/gone")] }
    #expect(
      try await rig.on { $0.desk.bookmarkKeys("docker ") }.filter { $0.contains("000") } == [
        DockerBookmark.key(kept, "docker")
      ])
    try await rig.end()
  }

  @Test func `a log that cannot be read is reported once`() async throws {
    let rig = try await DockerRig()
    try await rig.on { rig in
      let id = rig.engine.create("mute")
      _ = rig.engine.create("loud")
      rig.engine.containers[0].refusal = (501, "configured logging driver does not support reading")
      rig.engine.write(id, 1, "never")
      rig.engine.now += 1_000_000_000
      rig.begin()
    }
    try await rig.until("the notice") { $0.statuses("docker/mute") == ["start", "logs"] }
    try await rig.until("the other's follow") { $0.engine.followerCount == 1 }
    try await rig.on { rig in
      rig.kill()
      rig.begin()
    }
    try await rig.until("the second question") { rig in
      rig.engine.requests.count { $0.contains("/containers/mute") && $0.contains("/logs") } >= 2
    }
    try await rig.until("all turns") { $0.desk.waiting.isEmpty && $0.engine.followerCount == 1 }
    let told = try await rig.on { rig in (rig.statuses("docker/mute"), rig.desk.logged) }
    #expect(told.0 == ["start", "logs"])
    #expect(told.1.count { $0.contains("mute cannot be read: its driver is json-file") } == 1)
    try await rig.end()
  }

  @Test func `no more than a number of containers is read at once, and the others are named`() async throws {
    let rig = try await DockerRig()
    let ids = try await rig.on { rig in
      rig.configuration.containerCountMax = 2
      let ids = ["a", "b", "c"].map { rig.engine.create($0) }
      for id in ids { rig.engine.write(id, 1, "line") }
      rig.engine.now += 1_000_000_000
      rig.begin()
      return ids
    }
    try await rig.until("the notice") { $0.desk.logged.contains { $0.hasSuffix("that may be; these wait: c") } }
    #expect(try await rig.on { $0.engine.followerCount } == 2)
    #expect(try await rig.on { $0.lines("docker/c") }.isEmpty)
    try await rig.on { $0.engine.endRun(ids[0]) }
    try await rig.until("the one that waited") { $0.lines("docker/c") == ["line"] }
    try await rig.end()
  }

  @Test func `a rate drops what is beyond it and says how much, or has it wait`() async throws {
    for excess in RateLimit.Excess.allCases {
      let rig = try await DockerRig()
      let id = try await rig.on { rig in
        rig.configuration.rate = RateLimit(linesPerSecond: 100, excess: excess)
        let id = rig.engine.create("web")
        for number in 1...150 { rig.engine.write(id, 1, "\(number)") }
        rig.engine.now += 1_000_000_000
        rig.begin()
        return id
      }
      let count = excess == .wait ? 150 : 100
      try await rig.until("the first lines") { $0.lines("docker/web").count >= count && $0.engine.followerCount == 1 }
      // Until there is room again.
      try await rig.until("a line behind the dropped ones") { rig in
        rig.engine.write(id, 1, "more")
        return rig.lines("docker/web").contains("more")
      }
      let shipped = try await rig.on { rig in (rig.lines("docker/web"), rig.statuses("docker/web")) }
      #expect(shipped.0.prefix(count) == (1...count).map { "\($0)" }[...])
      #expect(shipped.1.contains("drop") == (excess == .drop))
      // Where lines come slowly, none has to wait.
      let isHeld = try await rig.on { rig in rig.desk.logged.contains { $0.contains("held back") } }
      #expect(!isHeld || excess == .wait)
      try await rig.end()
    }
  }

  @Test func `an engine that is away is tried again, and said so once`() async throws {
    let rig = try await DockerRig()
    let id = try await rig.on { rig in
      rig.engine.stop()
      rig.begin()
      return rig.engine.create("web")
    }
    try await rig.until("the notice") { $0.desk.logged.contains { $0.contains("cannot be read, and is tried again") } }
    try await rig.on { rig in
      rig.engine.write(id, 1, "one")
      try rig.engine.listen()
    }
    try await rig.until("the line") { $0.lines("docker/web") == ["one"] }
    try await rig.until("the log") { $0.desk.logged.contains { $0.contains("is read again") } }
    #expect(try await rig.on { $0.desk.logged.count { $0.contains("tried again") } } == 1)
    try await rig.end()
  }

  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func `connections that break anywhere and kills lose and repeat nothing`(_ seed: UInt64) async throws {
    let rig = try await DockerRig()
    let random = Mutex(SeededGenerator(seed: seed))
    @Sendable func draw(_ range: ClosedRange<Int>) -> Int {
      random.withLock { Int.random(in: range, using: &$0) }
    }
    let ids = try await rig.on { rig in
      rig.engine.drawBudget = { draw(0...2) == 0 ? nil : draw(0...20_000) }
      rig.engine.drawRepeat = { draw(0...5) == 0 }
      let ids = (0..<4).map { rig.engine.create("c\($0)", isTerminal: $0 == 2, isRotated: $0 > 0) }
      rig.begin()
      return ids
    }
    // A container that was found running gets an entry from its state, unless an event of it comes first.
    let areIntroduced = seed.isMultiple(of: 2)
    if areIntroduced {
      try await rig.until("the introductions") { rig in
        (0..<4).allSatisfy { rig.statuses("docker/c\($0)") == ["start"] }
      }
    }
    var written: [[String]] = [[], [], [], []]
    for step in 0..<120 {
      var additions: [(container: Int, stream: UInt8, text: String)] = []
      for _ in 0..<draw(0...30) {
        let container = draw(0...3)
        let stream: UInt8 = container == 2 ? 1 : draw(0...2) == 0 ? 2 : 1
        let length = draw(0...40) == 0 ? 40_000 : draw(0...60)
        let text = "\(stream) \(step) \(String(repeating: "x", count: container == 2 ? length % 100 : length))"
        additions.append((container, stream, text))
        written[container].append(text)
      }
      let (what, added) = (draw(0...30), additions)
      try await rig.on { rig in
        for line in added {
          rig.engine.now += Int64(draw(0...3) * 10_000_000)
          rig.engine.write(ids[line.container], line.stream, line.text)
        }
        switch what {
        case 0: rig.engine.dropConnections()
        case 1:
          rig.kill()
          rig.begin()
        case 2:
          rig.engine.endRun(ids[draw(0...3)])
        case 3:
          rig.engine.stop()
          try rig.engine.listen()
        case 4, 5, 6: rig.engine.rotate(ids[draw(1...3)], keeping: .max)
        default:
          if what < 20 { try rig.desk.giveTurns() }
          for container in rig.engine.containers where !container.isRunning { rig.engine.beginRun(container.id) }
        }
      }
    }
    try await rig.on { $0.engine.drawBudget = { nil } }
    let count = written.map(\.count).reduce(0, +)
    try await rig.until("all lines") { rig in rig.desk.shipped.count { $0.entry.kind == .log } >= count }
    // Once more from the bookmarks, in peace.
    try await rig.on { rig in
      rig.kill()
      rig.engine.dropConnections()
      for container in rig.engine.containers where !container.isRunning { rig.engine.beginRun(container.id) }
      rig.begin()
    }
    try await rig.until("all follows") { $0.engine.followerCount == 4 && $0.desk.waiting.isEmpty }
    for (index, texts) in written.enumerated() {
      let shipped = try await rig.on { $0.lines("docker/c\(index)") }
      for stream in ["1 ", "2 "] {
        #expect(
          shipped.filter { $0.hasPrefix(stream) } == texts.filter { $0.hasPrefix(stream) },
          "seed \(seed), container \(index), stream \(stream)")
      }
    }
    for index in 0..<4 {
      let (happened, told) = try await rig.on { rig in (rig.engine.runs(ids[index]), rig.statuses("docker/c\(index)")) }
      #expect(!told.contains("rotate"), "seed \(seed), container \(index): nothing was rotated away")
      #expect(!told.isEmpty && happened.suffix(told.count) == told[...], "seed \(seed), container \(index)")
      if areIntroduced { #expect(told == happened, "seed \(seed), container \(index)") }
    }
    try await rig.end()
  }
}
