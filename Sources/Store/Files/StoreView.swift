internal import Glibc
internal import LogsDisk
internal import LogsSystem

/// A data directory as another process than its server sees it. Nothing is written.
package struct StoreView: Sendable {
  private let paths: StorePaths
  private let files = PosixFileSystem()

  static let advice = "run it as the user that the server runs as"

  /// What to do where a file of a data directory cannot be looked at.
  static func advice(_ error: FileError) -> String {
    [ENOENT, ENOTDIR].contains(error.code) ? "name a server's data directory" : advice
  }

  /// - Throws: `notAStore` if there is no store.
  package init(directory: String) throws(StoreError) {
    paths = StorePaths(directory: directory)
    _ = try newest()
  }

  /// Whether a process has the directory open. Checking takes the lock for an instant, if it is free.
  package func isInUse() throws(StoreError) -> Bool {
    do throws(FileError) { return try files.isLocked(paths.lock) } catch {
      throw StoreError(error, while: "look at", advice: Self.advice(error))
    }
  }

  /// The process that has noted itself in the lock.
  package func notedUser() throws(StoreError) -> Int32? {
    do throws(FileError) { return FileLock.owner(noted: try files.read(paths.lock)) } catch {
      throw StoreError(error, while: "read", advice: Self.advice(error))
    }
  }

  /// The process that has the directory open.
  ///
  /// What the lock says may be the number of a process in another container, which here is a stranger's: only one that
  /// has this very file open is meant.
  package func user() throws(StoreError) -> Int32 {
    guard let user = try notedUser(), user > 0 else {
      throw StoreError(.locked, "\(paths.directory) is in use, but \(paths.lock) does not say by which process")
    }
    let descriptors = "/proc/\(user)/fd"
    do throws(FileError) {
      for name in try files.list(descriptors) where try isLock("\(descriptors)/\(name)") { return user }
    } catch {
      guard error.code == ENOENT else { throw StoreError(error, while: "look at", advice: Self.advice(error)) }
    }
    throw StoreError(
      .locked,
      """
      \(paths.directory) is in use, but not by process \(user) as seen from here; if its server runs in a container, \
      run this in the same one
      """)
  }

  private func isLock(_ path: String) throws(FileError) -> Bool {
    do throws(FileError) { return try files.isSame(path, paths.lock) } catch {
      // It has been closed, or is no file.
      if error.code == ENOENT { return false }
      throw error
    }
  }

  /// The user that the store's files belong to.
  package func owner() throws(StoreError) -> UInt32 {
    do throws(FileError) { return try files.owner(paths.store) } catch { throw StoreError(error, while: "look at") }
  }

  /// The number of the newest segment.
  package func newest() throws(StoreError) -> Int64 { try file().newest }

  /// What `store` says.
  func file() throws(StoreError) -> StoreFile {
    let file: StoreFile?
    do throws(StoreError) { file = try StoreFile.load(paths, files) } catch {
      guard error.code == .inputOutput else { throw error }
      var advice = Self.advice
      do throws(FileError) { _ = try files.byteCount(paths.store) } catch { advice = Self.advice(error) }
      throw StoreError(.inputOutput, "\(error.message); \(advice)", cause: error.cause)
    }
    guard let file else {
      throw StoreError(
        .notAStore, "there is no store in \(paths.directory): it has no file 'store'; name a server's data directory")
    }
    return file
  }

  /// The newest segment that holds something.
  package func newestWithEntries() throws(StoreError) -> Int64 {
    let isComplete = try awaitJournal()
    return try inNewest { number throws(SQLiteError) in
      guard number > 0, isComplete else { return number }
      return try openSegment(number).integer("SELECT EXISTS(SELECT 1 FROM runs)") == 0 ? number - 1 : number
    }
  }

  /// Calls `body` with the number of the newest segment.
  ///
  /// The server may begin the next one meanwhile and seal this one, which nobody can read for that time: then what has
  /// failed is done again with the next.
  func inNewest<Result>(_ body: (Int64) throws(SQLiteError) -> Result) throws(StoreError) -> Result {
    while true {
      let number = try newest()
      do throws(SQLiteError) { return try body(number) } catch {
        guard try newest() == number else { continue }
        var failure = StoreError(error, while: "read")
        if error.isFailedOpen { failure.message += "; \(Self.advice)" }
        throw failure
      }
    }
  }

  func openSegment(_ number: Int64) throws(SQLiteError) -> Database {
    let database = try Database(paths.segment(number), mode: .readOnly, vfs: nil)
    database.setBusyTimeout(Self.busyTimeout)
    try database.require(applicationID: SegmentSchema.applicationID, kind: "segment")
    return database
  }

  func journalByteCount() throws(StoreError) -> Int? {
    do throws(FileError) { return try files.byteCount(paths.journal) } catch {
      throw StoreError(error, while: "look at", advice: Self.advice(error))
    }
  }

  /// As many as there are at `offset`.
  func journalBytes(_ count: Int, at offset: Int) throws(StoreError) -> [UInt8] {
    do throws(FileError) { return try files.read(paths.journal, atMost: count, from: offset) ?? [] } catch {
      throw StoreError(error, while: "read", advice: Self.advice(error))
    }
  }

  static let busyTimeout = Duration.seconds(2)

  /// The segments up to `last` that are not sealed.
  package func unsealedSegments(through last: Int64) throws(StoreError) -> [Int64] {
    try unsealed(of: sideFiles().numbers.filter { $0 <= last })
  }

  /// Those of `segments` that are not sealed.
  package func unsealed(of segments: [Int64]) throws(StoreError) -> [Int64] {
    let newest = try newest()
    let before = try sideFiles().unsealed
    var numbers: [Int64] = []
    do throws(FileError) {
      for number in segments {
        let isOpen = number >= newest || before.contains(number)
        if isOpen { numbers.append(number) } else if try hasWalMode(number) { numbers.append(number) }
      }
    } catch {
      throw StoreError(error, while: "look at", advice: Self.advice(error))
    }
    // A segment that leaves WAL mode has no side file for an instant, and then a journal, until its new header counts.
    let after = try sideFiles().unsealed
    return Set(numbers).union(after.intersection(segments)).sorted()
  }

  /// The segments, and those that have a WAL or a journal beside them.
  private func sideFiles() throws(StoreError) -> (numbers: [Int64], unsealed: Set<Int64>) {
    do throws(FileError) {
      let names = Set(try files.list(paths.segments))
      let numbers = names.compactMap(StorePaths.segmentNumber)
      let unsealed = numbers.filter { number in
        ["-wal", "-journal"].contains { names.contains(StorePaths.fileName(number) + $0) }
      }
      return (numbers, Set(unsealed))
    } catch {
      throw StoreError(error, while: "look at", advice: Self.advice(error))
    }
  }

  private func hasWalMode(_ number: Int64) throws(FileError) -> Bool {
    let content = try files.read(paths.segment(number), atMost: SegmentHeader.byteCount)
    return content.flatMap(SegmentHeader.init)?.hasWalMode ?? false
  }
}
