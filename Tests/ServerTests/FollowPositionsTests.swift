import LogsWire
import Testing

@testable import LogsServer

/// What a follow knows of its streams, by handle.
@Suite struct FollowPositionsTests {
  private static func announcement(_ handle: UInt32, _ name: String, position: UInt64) throws -> Announcement {
    Announcement(
      handle: handle, isSealed: false, incarnation: Incarnation(UInt64(handle) + 1), position: position,
      head: 100, stream: try StreamName(name))
  }

  @Test func `streams keep their handles in whatever order they are announced`() throws {
    var positions = FollowPositions(isOfOne: false)
    for (handle, name, position) in [(2, "c", 30), (0, "a", 10), (1, "b", 20)] as [(UInt32, String, UInt64)] {
      positions.announce(try Self.announcement(handle, name, position: position))
      #expect(positions[handle].stream.text == name)
    }
    #expect(positions.count == 3)
    #expect(positions.all.map(\.stream.text) == ["a", "b", "c"])
    positions.move(1, to: 21)
    #expect(positions.all.map(\.sequence) == [10, 21, 30])
    let (before, after) = positions.parts(around: 1)
    #expect("\(before)21\(after)" == positions.cursor)
  }
}
