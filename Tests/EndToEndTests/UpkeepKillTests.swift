import Testing

/// kill -9 of the server and of backups, while all that goes on beside appends and followers goes on at once.
@Suite(.ownThread) struct UpkeepKillTests {
  @Test func `kills amid compaction, trimming, deletion, new segments and backups leave no damage and lose nothing`()
    throws
  {
    let random = Seeded.forTest()
    let clock = ContinuousClock()
    let start = clock.now
    try Scene.play { scene in
      let world = try UpkeepWorld(scene, random)
      defer { world.end() }
      while world.counts.rounds < Environment.rounds(3) || !world.counts.hasAll {
        try #require(world.counts.rounds < 1_000, "not all of it happens: \(world.counts)")
        world.waitsForAll = world.counts.rounds >= Environment.rounds(3)
        let violations = try world.play()
        #expect(violations.isEmpty, "round \(world.counts.rounds): \(violations)")
        if !violations.isEmpty { break }
      }
      print("upkeep kills: \(world.counts) in \(clock.now - start)")
    }
  }
}
