import Testing

/// Producers with spools and followers, while server and producers are killed and links are broken.
@Suite(.ownThread) struct ProducerFaultTests {
  @Test func `over kills and broken links, producers' entries are stored once, in order, and followed completely`()
    throws
  {
    let random = Seeded.forTest()
    let rounds = Environment.rounds(2)
    let clock = ContinuousClock()
    let start = clock.now
    try Scene.play { scene in
      let world = try FaultWorld(scene, random)
      for _ in 0..<rounds {
        let violations = try world.play()
        #expect(violations.isEmpty, "round \(world.counts.rounds): \(violations)")
        if !violations.isEmpty { break }
      }
      print("faults: \(world.counts) in \(clock.now - start)")
    }
  }
}
