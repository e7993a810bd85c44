import Testing

@testable import LogsServer

/// How long a follow over HTTP may last, as its request is read.
@Suite struct HTTPTimeoutTests {
  private static func timeout(_ target: String, _ headers: [HTTPHeader] = []) throws -> Duration? {
    let request = HTTPRequest(method: "GET", target: target, isVersion10: false, headers: headers)
    switch try HTTPRoute(request, now: 0) {
    case .entries(let query): return query.timeout
    case let other: throw NoEntries(route: other.template)
    }
  }

  private struct NoEntries: Error { let route: String }

  @Test func `the follow of a task ends after 300 s unless its client says otherwise`() throws {
    let follow = "/codespace/task/build-7/logs/stream"
    #expect(try Self.timeout(follow) == .seconds(300))
    #expect(try Self.timeout(follow, [HTTPHeader("accept", "application/x-ndjson")]) == .seconds(300))
    #expect(try Self.timeout("\(follow)?since=1h") == .seconds(300))
    #expect(try Self.timeout("\(follow)?timeout=30") == .seconds(30))
    #expect(try Self.timeout("\(follow)?timeout=1800") == .seconds(1_800))
    for wrong in ["29", "1801", "0", "-1", "x"] {
      #expect(throws: HTTPProblem.self) { try Self.timeout("\(follow)?timeout=\(wrong)") }
    }
  }

  @Test(arguments: [
    "/api/v1/streams/web/follow", "/api/v1/streams/task/build-7/follow?view=task", "/api/v1/follow?stream=task/*",
    "/api/logs/stream?stream=web", "/api/v1/streams/web/entries", "/api/v1/entries?stream=web",
    "/codespace/task/build-7/logs",
  ])
  func `nothing else has an end of its own`(target: String) throws {
    #expect(try Self.timeout(target) == nil)
  }

  @Test func `other follows end after the time that they ask for`() throws {
    #expect(try Self.timeout("/api/v1/streams/web/follow?timeout=60") == .seconds(60))
    #expect(try Self.timeout("/api/logs/stream?stream=web&timeout=60") == .seconds(60))
  }
}
