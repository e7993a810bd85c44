internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// What was deleted by command becomes deleted in the archive: first nobody finds it there, then its bytes go.
extension ArchivePass {
  mutating func delete(_ deletions: [ArchiveNotes.Deletion]) throws(StoreError) {
    guard let head else { return }
    try target.beginNext(keepsSegments: false)
    var next = head
    // The same streams, as they are now: what was deleted of them is taken over.
    next.streams = head.following(Array(head.streams.values), scene.catalog, deletions)
    next.nextStreamID = max(head.nextStreamID, scene.catalog.newestID + 1)
    try commit(next)
    try rewrite(manifest.segments.filter { $0 != next.number })
  }

  /// Writes archived segments anew that have some of what the head says was deleted.
  mutating func rewrite(_ numbers: [Int64]) throws(StoreError) {
    guard let catalog = head?.catalog else { return }
    for number in numbers where manifest.files[DirectorySurvey.name(number)] != nil {
      try scene.pausing()
      let segment = Segment(number: number, path: target.paths.segment(number), state: .sealed)
      guard try hasDeleted(segment, catalog) else { continue }
      let staged = target.next.segment(number)
      try target.beginNext(keepsSegments: false)
      guard try rewrite(segment, as: staged, catalog) else { continue }
      manifest.files[DirectorySurvey.name(number)] = BackupManifest.File(digest: try digest(staged))
      try target.commit(manifest)
      outcome.rewritten.append(number)
    }
  }

  /// Whether a segment has some of what was deleted, and can be read.
  mutating func hasDeleted(_ segment: Segment, _ catalog: Catalog) throws(StoreError) -> Bool {
    do throws(SQLiteError) {
      let database = try Database(segment.path, mode: .immutable, vfs: nil)
      if try RemovableBytes(of: database, catalog).deleted > 0 { return true }
    } catch {
      try giveUp(segment, error)
      return false
    }
    unreadable.remove(segment.number)
    return false
  }

  /// Makes a file of a segment without what was deleted of it.
  ///
  /// - Returns: false if it cannot be read.
  mutating func rewrite(_ segment: Segment, as path: String, _ catalog: Catalog) throws(StoreError) -> Bool {
    let (files, temporary) = (PosixFileSystem(), "\(path).tmp")
    let byteCount = try StoreError.of("look at") { () throws(FileError) in try files.byteCount(segment.path) }
    try scene.requireRoom(for: segment.number, byteCount ?? 0, at: self.path)
    do throws(SQLiteError) { try make(segment, temporary, catalog) } catch {
      // It only takes space.
      do throws(FileError) { try files.remove(temporary) } catch {}
      try giveUp(segment, error)
      return false
    }
    try StoreError.of("make") { () throws(FileError) in
      try files.synchronize(file: temporary)
      try files.rename(temporary, to: path)
    }
    unreadable.remove(segment.number)
    return true
  }

  /// One that cannot be read must not hold up the others: it is tried again later.
  private mutating func giveUp(_ segment: Segment, _ error: SQLiteError) throws(StoreError) {
    guard error.isDamage || error.isConstraint || error.path == segment.path else {
      throw StoreError(error, while: "rewrite")
    }
    guard unreadable.insert(segment.number).inserted else { return }
    // One that is just being archived is damaged in the data directory.
    let isArchived = segment.path == target.paths.segment(segment.number)
    remarks.append(
      """
      segment \(segment.number) cannot be read: what was deleted stays in it until it can be, though nobody finds it \
      there (\(segment.path): \(error.text), \(error.codeText)). \
      \(isArchived ? BackupKind.archive.rescue : "See logsd check \(scene.directory.paths.directory)")
      """)
  }

  /// How long is worked before others have their turn.
  private static let sliceTime = Duration.milliseconds(25)

  /// A function of its own, so that no connection to the file is open when it returns.
  private func make(_ segment: Segment, _ path: String, _ catalog: Catalog) throws(SQLiteError) {
    let files = PosixFileSystem()
    do throws(FileError) {
      try files.remove(path)
      try files.write(path, [])
    } catch { throw SQLiteError(failedSync: error.text, path: path, systemError: error.code) }
    let copy = try SegmentCopy(of: segment, at: path, catalog, isCompacting: false, scene.configuration)
    while try !copy.copyRows(until: deadline) { try rest(path) }
    let indexing = try BlockIndexing(copy)
    while case .unfinished = try indexing.work(for: Self.sliceTime) { try rest(path) }
    let check = try CopyCheck(segment, path, copy.streams, vfs: nil)
    while try !check.compare(until: deadline) { try rest(path) }
  }

  private var deadline: Int64 { SystemClock.monotonic() &+ Self.sliceTime.nanoseconds }

  private func rest(_ path: String) throws(SQLiteError) {
    do throws(FileError) { try scene.pause() } catch {
      throw SQLiteError(failedSync: error.text, path: path, systemError: error.code)
    }
  }
}
