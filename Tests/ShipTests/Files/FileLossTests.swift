import LogsWire
import Testing

@testable import LogsShip

/// Files that lose their names while they are closed, or before they were ever opened, and files with room in them:
/// each line is shipped once.
struct FileLossTests {
  @Test func `closed files that are renamed right after a line are found under their new names`() async throws {
    let scene = try await ShipScene.reading(["1"], in: (0..<20).map { "\($0).log" }) {
      $0.openCountMax = 4
    }
    for number in 0..<20 {
      try scene.write("\(number).log", "2\n")
      scene.rename("\(number).log", to: "\(number).log.1")
    }
    let texts = try await scene.shipped(40)
    #expect(texts.count == 40 && Set(texts).count == 40)
    #expect(await scene.lag().byteCount == 0)
    await scene.end()
  }

  @Test func `closed files whose renames nobody reports are looked for in their directories`() async throws {
    let scene = try await ShipScene.reading(["1"], in: (0..<6).map { "\($0).log" }) {
      $0.openCountMax = 2
      $0.polls = true
    }
    for number in 0..<6 {
      try scene.write("\(number).log", "2\n")
      scene.rename("\(number).log", to: "\(number).log.1")
      try scene.write("\(number).log", "3\n")
    }
    let texts = try await scene.shipped(18)
    #expect(texts.count == 18 && Set(texts).count == 18)
    await scene.end()
  }

  @Test func `a file that appears while nobody has a turn is known to the next start`() async throws {
    let scene = try ShipScene { $0.start = .beginning }
    await scene.begin()
    try scene.write("a.log", "1\n")
    #expect(try await scene.noted(2))
    #expect(try await scene.isBehind(by: 2))
    scene.rename("a.log", to: "a.old")
    await scene.begin()
    #expect(try await scene.shipped(1) == ["a.log: 1"])
    await scene.end()
  }

  @Test func `files that came and were renamed while nobody looked are read in the order of their birth`()
    async throws
  {
    let scene = try await ShipScene.reading(["1"])
    await scene.end()
    try scene.write("a.log", "2\n")
    for number in 3...5 {
      scene.rename("a.log.2", to: "a.log.3")
      scene.rename("a.log.1", to: "a.log.2")
      scene.rename("a.log", to: "a.log.1")
      try await nextBirth()
      try scene.write("a.log", "\(number)\n")
    }
    try scene.write("a.log.lock", "no log\n")
    try scene.write("a.log.9.gz", "packed\n")
    await scene.begin()
    #expect(try await scene.shipped(5) == (1...5).map { "a.log: \($0)" })
    #expect(try await scene.logged("a.log.1 was "))
    await scene.end()
    await scene.begin()
    #expect(try await scene.shipped(5).count == 5)
    await scene.end()
  }

  @Test func `copies of what was read are not read`() async throws {
    let scene = try await ShipScene.reading(["1", "2"])
    await scene.end()
    scene.rename("a.log", to: "a.log.2")
    try await nextBirth()
    try scene.write("a.log.1", "1\n2\n")
    try await nextBirth()
    try scene.write("a.log", "3\n")
    await scene.begin()
    #expect(try await scene.shipped(3) == ["a.log: 1", "a.log: 2", "a.log: 3"])
    await scene.end()
  }

  @Test func `beside a file that was emptied in place and is gone nothing is taken for rotated`() async throws {
    let scene = try await ShipScene.reading(["1", "2"])
    try scene.write("a.log.1", "1\n2\n")
    scene.truncate("a.log")
    try scene.write("a.log", "3\n")
    #expect(try await scene.shipped(4).last == "a.log: 3")
    await scene.end()
    scene.remove("a.log")
    try await nextBirth()
    try scene.write("a.log", "4\n")
    await scene.begin()
    let texts = try await scene.shipped(5)
    #expect(texts.count == 5 && texts.last == "a.log: 4")
    await scene.end()
  }

  @Test func `files that are renamed before they were opened are read under their first name`() async throws {
    let scene = try ShipScene { $0.start = .beginning }
    await scene.begin()
    _ = try await scene.texts()
    for number in 1...30 {
      try scene.write("a.log", "\(number)\n")
      for age in (1..<number).reversed() { scene.rename("a.log.\(age)", to: "a.log.\(age + 1)") }
      scene.rename("a.log", to: "a.log.1")
    }
    let texts = try await scene.shipped(30)
    #expect(texts.count == 30 && Set(texts) == Set((1...30).map { "a.log: \($0)" }))
    await scene.end()
  }

  @Test func `a file with much room is read as it is filled, and may be cut to its length`() async throws {
    for start in [FileSourceConfiguration.Start.beginning, .end] {
      let scene = try ShipScene { $0.start = start }
      try scene.write("a.log", "1\n")
      scene.truncate("a.log", to: 300_000)
      await scene.begin()
      var expected = start == .beginning ? ["a.log: 1"] : []
      #expect(try await scene.shipped(expected.count) == expected)
      #expect(await scene.lag().byteCount == 0)
      try scene.overwrite("a.log", at: 2, "2\n")
      expected.append("a.log: 2")
      #expect(try await scene.shipped(expected.count) == expected)
      try scene.writeMapped("a.log", at: 4, "3\n")
      expected.append("a.log: 3")
      #expect(try await scene.shipped(expected.count) == expected)
      scene.truncate("a.log", to: 6)
      try scene.write("a.log", "4\n")
      expected.append("a.log: 4")
      #expect(try await scene.shipped(expected.count) == expected)
      await scene.end()
    }
  }

  @Test func `room that holds written zeros is looked through once, and what is behind it is read`() async throws {
    let scene = try ShipScene { $0.start = .beginning }
    try scene.write("a.log", Array("1\n".utf8) + [UInt8](repeating: 0, count: 400_000))
    await scene.begin()
    #expect(try await scene.shipped(1) == ["a.log: 1"])
    try scene.write("a.log", "2\n")
    #expect(try await scene.shipped(2) == ["a.log: 1", "a.log: 2"])
    await scene.end()
  }

  @Test func `a file that cannot be read at the first start is read from where it ended then`() async throws {
    let scene = try ShipScene()
    try scene.write("a.log", "old\nhalf")
    scene.setReadable("a.log", false)
    await scene.setUnprivileged(true)
    await scene.begin()
    _ = try await scene.texts()
    scene.setReadable("a.log", true)
    await scene.setUnprivileged(false)
    try scene.write("a.log", " line\nnew\n")
    #expect(try await scene.shipped(2) == ["a.log: half line", "a.log: new"])
    await scene.end()
  }

  @Test(arguments: [(940, 1, 940), (5_000, 1, 1_024), (940, 2, 470), (-3, 4, 1)])
  func `the descriptors of a process are shared`(free: Int, count: Int, share: Int) {
    #expect(FileSource.share(of: free, among: count, 1_024) == share)
  }

  @Test func `where no file can be closed others wait for one that ends`() async throws {
    let scene = try ShipScene {
      $0.start = .beginning
      $0.openCountMax = 2
    }
    try scene.write("a.log", "1\n")
    try scene.write("b.log", "1\n")
    await scene.begin()
    #expect(try await scene.shipped(2).count == 2)
    scene.remove("a.log")
    scene.remove("b.log")
    try scene.write("c.log", "2\n")
    #expect(try await scene.logged("c.log: "))
    #expect(try await scene.shipped(3).last == "c.log: 2")
    await scene.end()
  }

  /// A file system's clock has steps.
  private func nextBirth() async throws { try await Task.sleep(for: .milliseconds(12)) }
}
