import LogsWire
import Testing

@testable import LogsServer
@testable import LogsSimulation

/// Following with a filter, without a socket.
@Suite struct FilteredSubscriptionTests {
  private static var web: [StreamSelector] { get throws { [.stream(try StreamName("web"))] } }

  private static func scene(_ batches: [String]...) throws -> FollowScene {
    let scene = FollowScene()
    for messages in batches { try append(messages, to: scene) }
    return scene
  }

  private static func append(_ messages: [String], to scene: FollowScene) throws {
    try scene.append("web", times: messages.indices.map { Int64($0) + 1 }, messages: messages)
  }

  @Test func `what passes comes in sparse batches, and the rest is covered`() throws {
    let scene = try Self.scene(["a", "x", "b"], ["a", "b"], ["x", "x"])
    try scene.follow(Self.web, filter: try Filter("x"))
    #expect(
      scene.run() == ["stream web 0/7", "resolved 1", "batch web 1-3: 2", "skip web 4-5", "batch web 6-7", "live"])
  }

  @Test func `what is left out live is covered within a second`() throws {
    let scene = try Self.scene(["x"])
    try scene.follow(Self.web, filter: try Filter("x"))
    scene.run()
    for _ in 0..<3 { try Self.append(["a"], to: scene) }
    #expect(scene.run() == [])
    #expect(scene.run(milliseconds: 1_000) == ["skip web 2-4"])
    try Self.append(["a", "x"], to: scene)
    #expect(scene.run() == ["batch web 5-6: 6"])
  }

  @Test func `a filter that headers decide reads nothing`() throws {
    let scene = try Self.scene(["x"])
    try scene.follow(Self.web, filter: try Filter("seq:2..3"))
    scene.run()
    let readCount = scene.store.readCount
    for _ in 0..<4 { try Self.append(["a"], to: scene) }
    scene.run(milliseconds: 1_100)
    #expect(scene.lines[1]?.suffix(3) == ["batch web 2-2", "batch web 3-3", "skip web 4-5"])
    #expect(scene.store.readCount == readCount)
  }

  @Test func `a limit counts what passes, and cuts a batch behind the last`() throws {
    let scene = try Self.scene(["a", "x", "x", "a", "x"], ["x"])
    try scene.follow(Self.web, end: FollowEnd(limit: 2), filter: try Filter("x"))
    #expect(scene.run() == ["stream web 0/6", "resolved 1", "batch web 1-3: 2 3", "end limit"])
  }

  @Test func `in reverse the last come first`() throws {
    let scene = try Self.scene(["a", "x", "x", "a", "x"], ["a"])
    try scene.follow(Self.web, end: FollowEnd(limit: 2), isReverse: true, filter: try Filter("x"))
    #expect(scene.run() == ["stream web 7/6", "resolved 1", "skip web 6-6", "batch web 3-5: 3 5", "end limit"])
  }

  @Test(arguments: [(2, 4), (3, 2), (4, 0), (5, 0)] as [(UInt64, UInt64)])
  func `the last n are those that pass`(_ count: UInt64, _ position: UInt64) throws {
    let scene = try Self.scene(["a", "x", "x", "a", "x"], ["x", "a"])
    try scene.follow(Self.web, start: .last(count), filter: try Filter("x"))
    #expect(scene.run().first == "stream web \(position)/7")
  }

  @Test func `an end at the head covers what is left out before it`() throws {
    let scene = try Self.scene(["x", "a"], ["a"])
    try scene.follow(Self.web, end: FollowEnd(atHead: true), filter: try Filter("x"))
    #expect(scene.run() == ["stream web 0/3", "resolved 1", "batch web 1-2: 1", "skip web 3-3", "end until"])
  }

  @Test func `a time ends it before the first later entry that passes`() throws {
    let scene = FollowScene()
    try scene.append("web", times: [1, 9, 3, 8, 2], messages: ["x", "a", "x", "x", "x"])
    try scene.follow(Self.web, end: FollowEnd(time: 5), filter: try Filter("x"))
    #expect(scene.run() == ["stream web 0/5", "resolved 1", "batch web 1-3: 1 3 4 5", "end until"])
  }

  @Test func `equal filters share what is read`() throws {
    let scene = try Self.scene(["x", "a"])
    for id in 1...10 as ClosedRange<UInt32> { try scene.follow(Self.web, id: id, filter: try Filter("x")) }
    scene.run()
    let readCount = scene.store.readCount
    try Self.append(["x", "a"], to: scene)
    scene.run()
    #expect(scene.store.readCount == readCount + 1)
    for id in 1...10 as ClosedRange<UInt32> { #expect(scene.lines[id]?.last == "batch web 3-4: 3") }
  }

  @Test func `one of those that share a read may end`() throws {
    let scene = try Self.scene(["x"])
    let subscriptions = try (1...3).map { try scene.follow(Self.web, id: UInt32($0), filter: try Filter("x")) }
    scene.run()
    try Self.append(["x", "a"], to: scene)
    scene.giveTurns()
    subscriptions[0].cancel()
    scene.run()
    #expect(scene.lines[1]?.last == "end cancelled")
    #expect(scene.lines[2]?.last == "batch web 2-3: 2")
    #expect(scene.lines[3]?.last == "batch web 2-3: 2")
  }
}
