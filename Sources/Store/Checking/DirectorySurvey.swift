internal import LogsDisk
internal import LogsSystem

/// What lies in a data directory, by its names, and whether a server uses it. None of it is believed.
struct DirectorySurvey {
  let paths: StorePaths
  let files = PosixFileSystem()
  /// Nil if it is missing or damaged; then `storeProblem` says which.
  let storeFile: StoreFile?
  let storeProblem: String?
  /// The names in `segments`.
  let names: Set<String>
  /// The segments' numbers, ascending.
  let numbers: [Int64]
  let isInUse: Bool

  /// - Throws: if it is no data directory, of a newer version, or cannot be read.
  init(_ directory: String) throws(StoreError) {
    paths = StorePaths(directory: directory)
    do throws(FileError) {
      guard try files.byteCount(directory) != nil else { throw FileError(operation: "stat", path: directory, code: 2) }
      let hasSegments = try files.byteCount(paths.segments) != nil
      names = Set(hasSegments ? try files.list(paths.segments) : [])
      isInUse = try files.isLocked(paths.lock)
    } catch {
      throw StoreError(error, while: "look at", advice: StoreView.advice(error))
    }
    numbers = names.compactMap(StorePaths.segmentNumber).sorted()
    var file: StoreFile?
    var problem: String?
    do throws(StoreError) {
      file = try StoreFile.load(paths, files)
      if file == nil { problem = "it is missing" }
    } catch {
      guard error.code == .damaged else { throw error }
      problem = "it is damaged"
    }
    (storeFile, storeProblem) = (file, problem)
    if file == nil, numbers.isEmpty {
      throw StoreError(
        .notAStore,
        "there is no store in \(directory): it has no file 'store' and no segments; name a server's data directory")
    }
  }

  /// The newest segment, by `store`, or else by what is there; 0 if there is none yet.
  var newest: Int64 { storeFile?.newest ?? numbers.last ?? 0 }

  /// What `store` says now.
  func newestNow() -> Int64? {
    do throws(StoreError) { return try StoreFile.load(paths, files)?.newest } catch { return nil }
  }

  /// The name within the data directory.
  static func name(_ number: Int64) -> String { "segments/\(StorePaths.fileName(number))" }

  /// Whether the segment may be in its WAL in part.
  func hasWal(_ number: Int64) throws(FileError) -> Bool {
    let path = paths.segment(number)
    for side in ["-wal", "-journal"] where try files.byteCount(path + side) ?? 0 > 0 { return true }
    return false
  }

  /// A connection that only reads. Where nothing else can write to the file, and all of it is in there, it takes no
  /// locks and makes no files.
  func open(_ number: Int64) throws(SQLiteError) -> SegmentFile {
    let path = paths.segment(number)
    var isImmutable: Bool
    do throws(FileError) {
      isImmutable = try !hasWal(number)
      if isInUse, isImmutable { isImmutable = try !isUnsealed(number) }
    } catch {
      throw SQLiteError(gone: path)
    }
    do throws(SQLiteError) { return try open(path, isImmutable ? .immutable : .readOnly) } catch {
      // A crash while it was sealed. All that goes through a rollback journal is the change out of WAL mode: with it or
      // without, the content is the same, and the next start brings it to an end.
      guard error.isRollbackNeeded else { throw error }
      return try open(path, .immutable)
    }
  }

  private func open(_ path: String, _ mode: Database.Mode) throws(SQLiteError) -> SegmentFile {
    let database = try Database(path, mode: mode, vfs: nil)
    database.setBusyTimeout(StoreView.busyTimeout)
    try database.require(applicationID: SegmentSchema.applicationID, kind: "segment")
    return SegmentFile(database)
  }

  /// Whether the server has yet to seal it.
  private func isUnsealed(_ number: Int64) throws(FileError) -> Bool {
    do throws(StoreError) { return try !StoreView(directory: paths.directory).unsealed(of: [number]).isEmpty } catch {
      return true
    }
  }
}

/// A connection to a segment for one who looks at it from outside of a store.
final class SegmentFile {
  let database: Database

  init(_ database: consuming Database) { self.database = database }
}
