import LogsDisk
import LogsSystem
import Testing

@Suite struct WALDatabaseTests {
  private func open(_ directory: borrowing TestDirectory) throws -> WALDatabase {
    let path = "\(directory.path)/test.db"
    try PosixFileSystem().write(path, [])
    try Database(path, mode: .readWrite, vfs: nil).execute(
      "PRAGMA application_id=7; CREATE TABLE numbers(number INTEGER); INSERT INTO numbers VALUES(1)")
    return try WALDatabase(
      path, .init(applicationID: 7, kind: "test", cacheKibibyteCount: 64, busyTimeout: .zero), vfs: nil)
  }

  private func increment(_ database: WALDatabase) throws {
    try database.transact { () throws(SQLiteError) in
      try database.execute("UPDATE numbers SET number = number + 1")
    }
  }

  @Test func `a WAL that was restarted and has its old length is needed`() throws {
    let directory = TestDirectory()
    let database = try open(directory)
    try increment(database)
    let byteCount = database.neededWalByteCount
    #expect(byteCount > 0 && database.pendingWalByteCount > 0)
    try database.checkpoint()
    #expect(database.neededWalByteCount == 0 && database.pendingWalByteCount == 0)
    try increment(database)
    #expect(database.neededWalByteCount == byteCount)
    #expect(database.pendingWalByteCount == database.walByteCount)
  }

  @Test func `a transaction that writes nothing does not change what is needed`() throws {
    let directory = TestDirectory()
    let database = try open(directory)
    try increment(database)
    try database.checkpoint()
    try database.transact { () throws(SQLiteError) in }
    #expect(database.neededWalByteCount == 0)
  }

  @Test func `a transaction that throws leaves nothing, and the next one succeeds`() throws {
    let directory = TestDirectory()
    let database = try open(directory)
    #expect(throws: SQLiteError.self) {
      try database.transact { () throws(SQLiteError) in
        try database.execute("UPDATE numbers SET number = 5; SELECT * FROM nothing")
      }
    }
    try increment(database)
    #expect(try database.integer("SELECT number FROM numbers") == 2)
  }
}
