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
    let streams = archivedStreams
    for number in manifest.segments where number != next.number {
      try scene.pausing()
      try rewrite(number, streams)
    }
    try scene.notes.finish(deletions)
  }

  /// The streams as the archive has them.
  var archivedStreams: Catalog {
    let catalog = Catalog()
    catalog.publish((head?.streams ?? [:]).values.sorted { $0.id < $1.id })
    return catalog
  }

  /// Puts a file without what was deleted in the place of an archived segment that has some of it.
  mutating func rewrite(_ number: Int64, _ catalog: Catalog) throws(StoreError) {
    let segment = Segment(number: number, path: target.paths.segment(number), state: .sealed)
    do throws(SQLiteError) {
      let database = try Database(segment.path, mode: .immutable, vfs: nil)
      guard try RemovableBytes(of: database, catalog).deleted > 0 else { return }
    } catch { return try giveUp(segment, error) }
    try target.beginNext(keepsSegments: false)
    let staged = target.next.segment(number)
    do throws(SQLiteError) { try make(segment, "\(staged).tmp", catalog) } catch { return try giveUp(segment, error) }
    try StoreError.of("make") { () throws(FileError) in
      let files = PosixFileSystem()
      try files.synchronize(file: "\(staged).tmp")
      try files.rename("\(staged).tmp", to: staged)
    }
    manifest.files[DirectorySurvey.name(number)] = BackupManifest.File(digest: try digest(staged))
    try target.commit(manifest)
    outcome.rewritten.append(number)
  }

  /// One that is damaged or missing must not hold up the others. What cannot be read for a moment can be read later.
  private mutating func giveUp(_ segment: Segment, _ error: SQLiteError) throws(StoreError) {
    let reason = StoreError(error, while: "rewrite")
    let files = PosixFileSystem()
    let isMissing = try StoreError.of("look at") { () throws(FileError) in try files.byteCount(segment.path) == nil }
    guard error.isDamage || error.isConstraint || isMissing else { throw reason }
    outcome.remarks.append("what was deleted stays in \(segment.path), though nobody finds it there: \(reason)")
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
