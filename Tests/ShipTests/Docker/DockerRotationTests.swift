import LogsClient
import LogsWire
import Testing

@testable import LogsShip

/// Logs that the engine rotates: what it sends twice, skips, or no longer has.
struct DockerRotationTests {
  private static let long = String(repeating: "x", count: 40_000)

  private static func text(_ entry: LogEntry, _ key: String) -> String? {
    if case .string(let text) = entry.attributes.first(where: { $0.key == key })?.value { text } else { nil }
  }

  private static func logRequests(_ rig: DockerRig) -> [String] {
    rig.engine.requests.filter { $0.contains("/logs?") }
  }

  @Test(arguments: [false, true], 1...5)
  func `what a new file begins with comes twice, and is shipped once`(_ isTerminal: Bool, _ count: Int) async throws {
    let (rig, id) = try await DockerRig.following(isTerminal: isTerminal)
    try await rig.on { rig in
      // Within the long line, behind it.
      rig.engine.rotate(id, repeatingAfter: count)
      rig.engine.write(id, 1, Self.long)
      rig.engine.write(id, 1, "second")
      rig.engine.write(id, 1, "third")
    }
    let wanted = ["first", Self.long, "second", "third"]
    try await rig.until("the lines") { $0.lines("docker/web").last == "third" }
    try await rig.on { $0.engine.write(id, 1, "last") }
    try await rig.until("the last line") { $0.lines("docker/web").last == "last" }
    try await rig.end(havingShipped: wanted + ["last"])
  }

  @Test(arguments: [false, true])
  func `lines of the same time are all shipped, once`(isFollowed: Bool) async throws {
    let (rig, id) = try await DockerRig.following()
    let wanted = ["first", "same", "same", "other", "last"]
    try await rig.on { rig in
      if !isFollowed { rig.kill() }
      let time = rig.engine.now
      for text in ["same", "same", "other"] { rig.engine.write(id, 1, text, time: time) }
      rig.engine.write(id, 1, "last")
      if !isFollowed { rig.begin() }
    }
    try await rig.until("the lines") { $0.lines("docker/web").last == "last" }
    #expect(try await rig.on { $0.lines("docker/web") } == wanted)
    // Nor is one of them shipped again.
    try await rig.on { rig in
      rig.kill()
      rig.engine.write(id, 1, "next")
      rig.begin()
    }
    try await rig.until("the next line") { $0.lines("docker/web").last == "next" && $0.engine.followerCount == 1 }
    #expect(try await rig.on { $0.lines("docker/web") } == wanted + ["next"])
    try await rig.end()
  }

  @Test func `a file of many lines that comes twice is shipped once`() async throws {
    let (rig, id) = try await DockerRig.following()
    let count = RecentTimes.countMax + 1_000
    try await rig.on { rig in
      rig.engine.rotate(id, repeatingAfter: count)
      for number in 0..<count { rig.engine.write(id, 1, "line \(number)") }
      rig.engine.write(id, 1, "last")
    }
    try await rig.until("the last line") { $0.lines("docker/web").last == "last" }
    #expect(try await rig.on { $0.lines("docker/web") } == ["first"] + (0..<count).map { "line \($0)" } + ["last"])
    try await rig.end()
  }

  @Test func `lines that a late follow has skipped are read from what is stored`() async throws {
    let (rig, id) = try await DockerRig.following()
    #expect(try await rig.on { Self.logRequests($0) }.last?.contains("&tail=1000") == true)
    try await rig.on { rig in
      let late = rig.engine.now - 5_000_000_000
      rig.engine.skipCount = 1
      rig.engine.write(id, 1, "skipped", time: late)
      rig.engine.write(id, 1, "late", time: late + 1)
    }
    try await rig.until("both lines") { $0.lines("docker/web").count == 3 && $0.engine.followerCount == 1 }
    #expect(try await rig.on { $0.lines("docker/web") } == ["first", "skipped", "late"])
    let requests = try await rig.on { Self.logRequests($0) }
    #expect(requests.map { $0.contains("follow=1") } == [false, true, false, true])
    try await rig.end()
  }

  @Test func `more lines than a follow begins with are read from what is stored`() async throws {
    let (rig, id) = try await DockerRig.following()
    try await rig.on { rig in
      rig.engine.beforeFollow = {
        for number in 0..<2_000 { rig.engine.write(id, 1, "line \(number)") }
        rig.engine.beforeFollow = nil
      }
      rig.engine.dropConnections()
    }
    try await rig.until("the lines") { $0.lines("docker/web").count == 2_001 }
    try await rig.end(havingShipped: ["first"] + (0..<2_000).map { "line \($0)" })
  }

  @Test func `lines that were rotated away are reported once`() async throws {
    let (rig, id) = try await DockerRig.following()
    try await rig.on { rig in
      rig.kill()
      rig.engine.write(id, 1, "gone")
      rig.engine.write(id, 1, "second")
      rig.engine.rotate(id, keeping: 1)
      rig.begin()
    }
    try await rig.until("the line") { $0.lines("docker/web") == ["first", "second"] }
    try await rig.until("the follow") { $0.engine.followerCount == 1 && $0.desk.waiting.isEmpty }
    let entries = try await rig.on { rig in rig.desk.shipped.map(\.entry) }
    #expect(entries.map(\.kind) == [.status, .log, .status, .log])
    #expect(Self.text(entries[2], "action") == "rotate")
    #expect(Self.text(entries[2], "error")?.hasPrefix("lines before this may be missing") == true)
    #expect(entries[2].time == entries[3].time)
    try await rig.end()
  }

  @Test func `the end of a line that was shipped is not shipped when its beginning is rotated away`() async throws {
    let (rig, id) = try await DockerRig.following()
    try await rig.on { $0.engine.write(id, 1, Self.long) }
    try await rig.until("the long line") { $0.lines("docker/web").count == 2 }
    try await rig.on { rig in
      rig.kill()
      rig.engine.rotate(id, keeping: 1)
      rig.engine.write(id, 1, "next")
      rig.begin()
    }
    try await rig.until("the next line") { $0.lines("docker/web").count == 3 }
    try await rig.end(havingShipped: ["first", Self.long, "next"])
  }

  @Test(arguments: [false, true])
  func `what an engine that was killed has left of a line is marked`(_ isRestarted: Bool) async throws {
    let (rig, id) = try await DockerRig.following()
    let cut = String(repeating: "x", count: EngineLogDecoder.pieceByteCount)
    try await rig.on { rig in
      rig.engine.write(id, 1, cut, isEnded: false)
      if isRestarted {
        rig.engine.endRun(id)
        rig.engine.beginRun(id)
      }
    }
    if isRestarted { try await rig.until("the next run") { $0.engine.followerCount == 1 } }
    try await rig.on { rig in
      rig.engine.write(id, 1, "rest")
      rig.engine.write(id, 1, "whole")
    }
    try await rig.until("the lines") { $0.lines("docker/web") == ["first", cut, "rest", "whole"] }
    let partial = try await rig.on { rig in
      rig.desk.shipped.map(\.entry).filter { $0.kind == .log }.map { Self.text($0, "logs.partial") }
    }
    #expect(partial == [nil, "beginning", isRestarted ? nil : "end", nil])
    try await rig.end()
  }

  @Test func `two sections that name the same container both ship it`() async throws {
    let (rig, id) = try await DockerRig.following()
    try await rig.on { try $0.beginOther("docker two", "other/{container}") }
    try await rig.until("the line") { $0.lines("other/web") == ["first"] && $0.engine.followerCount == 2 }
    try await rig.on { $0.engine.write(id, 1, "second") }
    for stream in ["docker/web", "other/web"] {
      try await rig.until("both lines of \(stream)") { $0.lines(stream) == ["first", "second"] }
    }
    try await rig.on { rig in
      rig.kill()
      rig.engine.remove(id)
      rig.begin()
    }
    try await rig.until("the removal") { $0.desk.bookmarks[DockerBookmark.key(id, "docker")] == nil }
    #expect(try await rig.on { $0.desk.bookmarks[DockerBookmark.key(id, "docker two")] } != nil)
    try await rig.end()
  }
}
