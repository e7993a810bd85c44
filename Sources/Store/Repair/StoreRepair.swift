internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// Makes a data directory with damage one that a server can start on: what is whole stays or is saved, and the rest is
/// named (decision 54).
package struct StoreRepair {
  package struct Summary: Hashable, Sendable {
    /// Segments made anew of what was whole, and the entries in them.
    package var rebuiltSegments: [Int64] = []
    package var savedEntryCount: UInt64 = 0
    /// The newest segment, if it is another one now: streams get new incarnations at the next start.
    package var newest: Int64?
    /// Whether the file `store` was made anew, with the same consequence.
    package var isStoreRebuilt = false
    package var isNothingDamaged: Bool { rebuiltSegments.isEmpty && !isStoreRebuilt }
  }

  /// Where the damaged files go.
  static let damagedName = "damaged"

  let survey: DirectorySurvey
  private let lock: FileLock
  let isDryRun: Bool
  let keepsDamaged: Bool
  private(set) var content: StoreContent
  var known: KnownStreams
  let store: InstanceID
  /// Of the newest segment, if that could be read.
  let anchor: JournalAnchor?
  /// The number that the file of a segment has in its name, where two have been exchanged.
  private(set) var misplaced: [Int64: Int64] = [:]

  var paths: StorePaths { survey.paths }
  var files: PosixFileSystem { survey.files }

  /// - Throws: if a server runs on the directory, or it is a backup.
  package init(directory: String, isDryRun: Bool, keepsDamaged: Bool) throws(StoreError) {
    let survey = try DirectorySurvey(directory)
    let files = survey.files
    if let kind = try BackupCheck.kind(directory) {
      throw StoreError(
        .notAStore,
        """
        \(directory) is \(kind == .archive ? "an" : "a") \(kind), which a repair would make unlike what it was; copy \
        it, remove the file \(BackupManifest.name) of the copy, and repair that
        """)
    }
    let lock = try StoreError.of("lock") { () throws(FileError) in try files.lock(survey.paths.lock) }
    guard let lock else { throw StoreError(.locked, "a server runs on \(directory); stop it first") }
    // Nobody else can change it any more.
    let now = try DirectorySurvey(directory)
    guard now.storeFile == survey.storeFile, now.numbers == survey.numbers else {
      throw StoreError(.locked, "a server was just closing \(directory); try again")
    }
    (self.survey, self.lock, self.isDryRun, self.keepsDamaged) = (survey, lock, isDryRun, keepsDamaged)
    let found = try Self.content(survey)
    (content, anchor) = (found.content, found.anchor)
    known = KnownStreams(found.content, isWhole: found.isWhole, survey)
    if !found.isWhole { known.note(NewestRemains(survey).removals) }
    guard let store = survey.storeFile?.id ?? Self.storeID(survey) else {
      throw StoreError(.damaged, "no segment in \(directory) can be read, and 'store' neither; nothing can be saved")
    }
    self.store = store
    for id in known.streams.keys { content.streams[id] = known[id]?.info }
    findMisplaced()
  }

  private static func content(
    _ survey: DirectorySurvey
  ) throws(StoreError) -> (content: StoreContent, anchor: JournalAnchor?, isWhole: Bool) {
    var anchor: JournalAnchor?
    do throws(SQLiteError) {
      let snapshot = try NewestSnapshot(survey)
      guard snapshot.identity.format <= SegmentSchema.format else {
        throw SQLiteError(code: SQLiteError.busyCode, text: "", path: snapshot.file.database.path, systemError: 0)
      }
      if snapshot.identity.number == snapshot.number {
        var content = snapshot.content
        if !(1...snapshot.number).contains(content.trimmedBelow) { content.trimmedBelow = survey.numbers.first ?? 1 }
        // A row that is lost from it would look like a stream that was deleted.
        if try KnownStreams.isWhole(snapshot.file.database) { return (content, snapshot.anchor, true) }
        anchor = snapshot.anchor
      }
    } catch {
      guard error.isLoss || error.isFailedOpen else {
        throw error.isBusy
          ? StoreError(.notAStore, "\(error.path) has been written by a newer version; use that")
          : StoreError(error, while: "read")
      }
    }
    var content = StoreContent.substitute(survey, without: survey.newest)
    let remains = NewestRemains(survey)
    content.deleted.formUnion(remains.deleted)
    for id in remains.deleted { content.streams[id] = nil }
    if let trimmedBelow = remains.trimmedBelow { content.trimmedBelow = trimmedBelow }
    content.nextStreamID = max(content.nextStreamID, remains.nextStreamID ?? 1)
    return (content, anchor, false)
  }

  private static func storeID(_ survey: DirectorySurvey) -> InstanceID? {
    for number in survey.numbers.reversed() {
      do throws(SQLiteError) {
        if let id = InstanceID(stored: try SegmentWriter.identity(try survey.open(number).database).store) { return id }
      } catch { continue }
    }
    return nil
  }

  /// Files that have exchanged their names.
  private mutating func findMisplaced() {
    var found: [Int64: Int64] = [:]
    for number in survey.numbers {
      do throws(SQLiteError) {
        let identity = try SegmentWriter.identity(try survey.open(number).database)
        if identity.store == store.bytes { found[number] = identity.number }
      } catch { continue }
    }
    for (name, number) in found where name != number && found[number] != number { misplaced[number] = name }
  }

  // MARK: all segments

  /// Newest first: how far a segment reaches is where the next one begins.
  ///
  /// - Parameter report: called with what is damaged, and what is lost with it.
  package mutating func run(_ report: (Finding) -> Void) throws(StoreError) -> Summary {
    if let problem = survey.storeProblem { report(Finding(.damage, "store", problem)) }
    var rebuilt: [Rebuilt] = []
    var above: [Int64: StreamBeginning]?
    let newest = survey.newest
    for number in stride(from: newest, through: max(content.trimmedBelow, 1), by: -1) {
      var result = try check(number, above)
      if number == newest, let finding = sealedNewest() { result.findings.append(finding) }
      if number == newest, let anchor {
        result.findings += try JournalCheck(survey: survey, anchor: anchor, heads: result.heads).findings()
      }
      guard result.findings.contains(where: { $0.kind == .damage }) else {
        above = result.beginnings
        continue
      }
      for finding in result.findings where finding.kind != .note { report(finding) }
      let made = try rebuild(number, below: above, report)
      above = made.beginnings
      rebuilt.append(made)
    }
    var summary = Summary()
    summary.rebuiltSegments = rebuilt.map(\.number).sorted()
    summary.savedEntryCount = rebuilt.reduce(0) { $0 + $1.entryCount }
    let isNewestRebuilt = summary.rebuiltSegments.last == newest
    summary.newest = isNewestRebuilt ? newest + 1 : nil
    summary.isStoreRebuilt = survey.storeFile == nil || isNewestRebuilt
    if !isDryRun, !summary.isNothingDamaged { try put(rebuilt, summary) }
    return summary
  }

  private func sealedNewest() -> Finding? {
    do throws(SQLiteError) {
      return try SegmentCheck.sealedNewest(survey.newest, survey.open(survey.newest).database)
    } catch {
      // It has been found damaged.
      return nil
    }
  }

  private func check(
    _ number: Int64, _ above: [Int64: StreamBeginning]?
  ) throws(StoreError) -> SegmentCheck.Result {
    let segment: SegmentFile
    do throws(SQLiteError) { segment = try survey.open(number) } catch {
      guard error.isLoss || error.isFailedOpen else { throw StoreError(error, while: "read") }
      let text = survey.numbers.contains(number) ? "it cannot be read: \(error.text)" : "it is missing"
      var result = SegmentCheck.Result()
      result.findings = [Finding(.damage, DirectorySurvey.name(number), text)]
      return result
    }
    return try SegmentCheck(number: number, store: store, content: content, above: above).run(segment.database)
  }
}
