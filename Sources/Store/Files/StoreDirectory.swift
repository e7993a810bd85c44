internal import LogsDisk
internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// An open data directory: what `store` says, which segments there are, and how the next one is added.
final class StoreDirectory: Sendable {
  let id: InstanceID
  let paths: StorePaths
  let files: any FileSystem
  /// The segments, as readers see them now.
  let segments: SegmentList
  private let configuration: StoreConfiguration
  private let storeFile: Mutex<StoreFile>

  init(_ configuration: StoreConfiguration, _ paths: StorePaths, _ storeFile: StoreFile, _ listing: SegmentListing) {
    id = storeFile.id
    self.paths = paths
    files = configuration.fileSystem
    self.configuration = configuration
    segments = SegmentList(listing)
    self.storeFile = Mutex(storeFile)
  }

  /// Creates the directory if it is missing, and locks it for this process.
  static func lock(_ configuration: StoreConfiguration, _ paths: StorePaths) throws(StoreError) -> FileLock {
    let files = configuration.fileSystem
    var owner: Int32?
    do throws(FileError) {
      let isNew = try files.makeDirectory(paths.directory)
      if isNew { try files.synchronize(directory: paths.parent) }
      _ = try files.makeDirectory(paths.segments)
      try files.synchronize(directory: paths.directory)
      if let lock = try files.lock(paths.lock) { return lock }
      owner = FileLock.owner(noted: try files.read(paths.lock))
    } catch {
      throw DirectoryPlace.error(error, while: "open the data directory", paths.directory)
    }
    let user = owner.map { "process \($0)" } ?? "another process"
    throw StoreError(.locked, "\(paths.directory) is in use by \(user); stop it, or choose another directory")
  }

  // MARK: the next segment

  /// Creates the file of the next segment. Until it has its name it is not a segment.
  func prepareSegment(_ number: Int64, _ content: NextSegment.Content) throws(StoreError) -> NextSegment {
    let next = NextSegment(number: number, path: paths.segmentTemporary(number), vfs: configuration.vfs)
    do throws(FileError) {
      try files.remove(next.path)
      try next.create(files)
    } catch {
      throw StoreError(error, while: "make")
    }
    do throws(SQLiteError) {
      try next.make(store: id, content)
    } catch {
      throw StoreError(error, while: "make")
    }
    do throws(FileError) {
      // Syncs most of it here, so that the writer, which syncs the rest before the file gets its name, waits less.
      try files.synchronize(file: next.path)
    } catch {
      throw StoreError(error, while: "make")
    }
    return next
  }

  /// Brings a prepared file up to date.
  ///
  /// - Parameter deleted: the ids of streams that were deleted since it was made.
  func update(_ next: NextSegment, _ content: NextSegment.Content, deleted: Set<Int64>) throws(StoreError) {
    do throws(SQLiteError) {
      try next.update(content, deleted: deleted)
    } catch {
      throw StoreError(error, while: "complete")
    }
  }

  /// Gives a file its segment's name, opens it, names it in `store`, and makes it the active one.
  ///
  /// Nothing is stored in it before that, and it knows every stream's next number: numbers never go back.
  ///
  /// - Throws: `diskFull` or `busy` only if it can be tried again: while `store` does not name the file it is no
  ///   segment, and the next attempt, or the next start, replaces it.
  func begin(_ next: NextSegment) throws(StoreError) -> SegmentWriter {
    let path = paths.segment(next.number)
    do throws(FileError) {
      try files.synchronize(file: next.path)
      // Left by a failed attempt: SQLite would take a WAL with this name for this file's.
      for sideFile in StorePaths.sideFiles(of: path) { try files.remove(sideFile) }
      try files.rename(next.path, to: path)
    } catch {
      throw StoreError(error, while: "begin a segment with")
    }
    do throws(FileError) {
      try files.synchronize(directory: paths.segments)
    } catch {
      throw StoreError(failedSync: error, while: "begin a segment in")
    }
    let writer: SegmentWriter
    do throws(SQLiteError) {
      writer = try SegmentWriter(Segment(number: next.number, path: path, state: .active), configuration)
    } catch {
      throw StoreError(error, while: "open")
    }
    try change { $0.newest = next.number }
    segments.append(writer.segment)
    return writer
  }

  // MARK: the file `store`

  /// Records an orderly stop.
  func markClean() throws(StoreError) { try change { $0.isClean = true } }

  private func change(_ body: (inout StoreFile) -> Void) throws(StoreError) {
    try storeFile.withLock { file throws(StoreError) in
      var changed = file
      body(&changed)
      try changed.save(paths, files)
      file = changed
    }
  }
}
