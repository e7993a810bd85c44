import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// A repair that was killed is brought to an end by the next one.
@Suite struct RepairStepTests {
  /// What a kill leaves of a repair of the newest segment, in the order of its steps.
  enum Step: CaseIterable {
    case storeRemoved, sealedReplaced, newestAdded, journalRemoved
    /// As an earlier version's second repair left it.
    case sealedIsNewest
  }

  @Test(arguments: Step.allCases) func `whatever a kill leaves of a repair, the next one saves as much`(
    _ step: Step
  ) throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try CheckTests.make(directory, clock, closes: false, hasJournal: true)
    #expect(try test.readAll("web").texts.count == 30)
    test.append("web", .test("31"), producer: 40, number: 1)
    let before = ["web", "app/db", "tick"].map { ($0, test.info($0)?.incarnation) }
    let killed = directory.copy()
    test.close()
    let newest = "segments/0000000003.db"
    do {
      let database = try Database(killed.data + "/" + newest, mode: .readWrite, vfs: nil)
      try database.execute(
        """
        UPDATE runs SET batches = substr(batches, 1, 100) || x'ee' || substr(batches, 102) WHERE id = (
        SELECT min(runs.id) FROM runs JOIN streams ON stream = streams.id WHERE name = 'web')
        """)
    }
    let whole = killed.copy()
    // The journal may have what is damaged.
    #expect(try RepairTests.repair(whole).summary.newest == 4)
    let files = PosixFileSystem()
    let store = try #require(try StoreFile.load(StorePaths(directory: killed.data), files))
    killed.remove("data/store")
    if step != .storeRemoved {
      for name in killed.names() where name.hasPrefix("0000000003.db") { killed.remove("data/segments/" + name) }
      try files.write(killed.data + "/" + newest, whole.contents("data/" + newest))
    }
    if step == .newestAdded || step == .journalRemoved {
      try files.write(killed.data + "/segments/0000000004.db", whole.contents("data/segments/0000000004.db"))
    }
    if step == .journalRemoved { killed.remove("data/journal") }
    if step == .sealedIsNewest {
      try StoreFile(id: store.id, newest: 3, isClean: false).save(StorePaths(directory: killed.data), files)
      #expect(try CheckTests.damage(killed.data).contains { $0.text.contains("it is sealed, but is the newest") })
    }
    #expect(throws: StoreError.self) { try TestStore(killed.copy(), clock) }
    let dry = try RepairTests.repair(killed, isDryRun: true)
    let repaired = try RepairTests.repair(killed)
    #expect(repaired.summary == dry.summary && repaired.findings == dry.findings)
    #expect(repaired.summary.isStoreRebuilt)
    #expect(try CheckTests.damage(killed.data) == [])
    let (mended, expected) = (try TestStore(killed, clock), try TestStore(whole, clock))
    for (stream, incarnation) in before {
      #expect(try mended.readAll(stream) == expected.readAll(stream))
      #expect(mended.info(stream)?.head == expected.info(stream)?.head)
      #expect(mended.info(stream)?.incarnation != incarnation)
    }
    #expect(mended.append("web", .test("32"), producer: 50, number: 1)?.first == 32)
  }
}
