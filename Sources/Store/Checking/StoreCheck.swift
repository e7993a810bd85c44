internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// Looks at everything in a data directory, whether a server uses it or not, and changes nothing.
///
/// Beside a server it holds one segment's read transaction at a time. What the server has trimmed, rewritten or sealed
/// meanwhile is looked at again before it counts as damage.
package struct StoreCheck {
  private let directory: String
  /// An archive changes while its server runs; nil for anything else.
  private let archiveLock: FileLock?
  private let survey: DirectorySurvey
  private(set) package var summary = CheckSummary()
  /// The segments with damage, and those that are missing.
  private(set) var damaged: Set<Int64> = []

  /// - Throws: if it is no data directory, of a newer version, or cannot be read.
  package init(directory: String) throws(StoreError) {
    self.directory = directory
    archiveLock = try BackupDirectory.lockArchive(directory)
    survey = try DirectorySurvey(directory)
  }

  /// - Parameter report: called with each finding.
  /// - Throws: what is no damage.
  package mutating func run(_ report: (Finding) -> Void) throws(StoreError) {
    for finding in try BackupCheck.findings(directory) { report(finding) }
    if let problem = survey.storeProblem { report(Finding(.damage, "store", problem)) }
    guard survey.newest > 0 else { return }
    var newest = try checkNewest(report)
    var above = newest.result?.beginnings
    for number in stride(from: newest.number - 1, through: newest.content.trimmedBelow, by: -1) {
      above = try check(number, above: above, &newest, report)
    }
    summary.streamCount = newest.content.streams.count
    try reportLeftovers(newest, report)
    if !survey.isInUse, let finding = WALCheck.finding(survey) { report(finding) }
    if !survey.isInUse, let anchor = newest.anchor, let heads = newest.result?.heads {
      for finding in try JournalCheck(survey: survey, anchor: anchor, heads: heads).findings() { report(finding) }
    }
  }

  /// What was found of the newest segment.
  private struct Newest {
    var number: Int64
    var content = StoreContent()
    var result: SegmentCheck.Result?
    var anchor: JournalAnchor?
  }

  private mutating func checkNewest(_ report: (Finding) -> Void) throws(StoreError) -> Newest {
    var newest = Newest(number: survey.newest)
    let snapshot: NewestSnapshot
    do throws(SQLiteError) { snapshot = try NewestSnapshot(survey) } catch {
      guard error.isLoss || error.isFailedOpen else { throw StoreError(error, while: "read") }
      let isThere = survey.numbers.contains(newest.number)
      let text = isThere ? "it cannot be read: \(error.text)" : "the newest segment is missing"
      note(Finding(.damage, DirectorySurvey.name(newest.number), text), newest.number, report)
      newest.content = StoreContent.substitute(survey, without: newest.number)
      return newest
    }
    if snapshot.identity.format > SegmentSchema.format {
      throw StoreError.newer(snapshot.file.database.path, format: snapshot.identity.format)
    }
    (newest.number, newest.anchor, newest.content) = (snapshot.number, snapshot.anchor, snapshot.content)
    if !(1...snapshot.number).contains(snapshot.content.trimmedBelow) {
      let text = "trimmed_below is \(snapshot.content.trimmedBelow), which it cannot be"
      note(Finding(.damage, DirectorySurvey.name(snapshot.number), text), snapshot.number, report)
      newest.content.trimmedBelow = survey.numbers.first ?? 1
    }
    let result = try check(snapshot.number, newest.content, above: nil, snapshot.file.database)
    take(snapshot.number, result, report)
    do throws(SQLiteError) {
      if let finding = try SegmentCheck.sealedNewest(snapshot.number, snapshot.file.database) {
        note(finding, snapshot.number, report)
      }
    } catch {
      guard error.isLoss else { throw StoreError(error, while: "read") }
    }
    newest.result = result
    return newest
  }

  private func check(
    _ number: Int64, _ content: StoreContent, above: [Int64: StreamBeginning]?, _ database: borrowing Database
  ) throws(StoreError) -> SegmentCheck.Result {
    try SegmentCheck(number: number, store: survey.storeFile?.id, content: content, above: above).run(database)
  }

  // MARK: the other segments

  /// - Returns: what the segment says of the streams before it; nil if that cannot be read.
  private mutating func check(
    _ number: Int64, above: [Int64: StreamBeginning]?, _ newest: inout Newest, _ report: (Finding) -> Void
  ) throws(StoreError) -> [Int64: StreamBeginning]? {
    var attempt = 1
    while true {
      let outcome = try look(number, newest.content, above: above)
      if outcome.findings.allSatisfy({ $0.kind != .damage }) || !survey.isInUse || attempt > Self.attemptCountMax {
        take(number, outcome, report)
        return outcome.beginnings
      }
      // The server may have trimmed it, or removed entries and rewritten it.
      attempt += 1
      do throws(SQLiteError) { newest.content = try NewestSnapshot(survey).content } catch {
        throw StoreError(error, while: "read")
      }
      if number < newest.content.trimmedBelow { return nil }
    }
  }

  /// How often a segment is looked at again beside a server.
  private static let attemptCountMax = 3

  private func look(
    _ number: Int64, _ content: StoreContent, above: [Int64: StreamBeginning]?
  ) throws(StoreError) -> SegmentCheck.Result {
    let file = DirectorySurvey.name(number)
    var result = SegmentCheck.Result()
    do throws(FileError) {
      guard try survey.files.byteCount(survey.paths.segment(number)) != nil else {
        result.findings = [Finding(.damage, file, "it is missing: what it held is lost")]
        return result
      }
    } catch {
      throw StoreError(error, while: "look at")
    }
    let segment: SegmentFile
    do throws(SQLiteError) {
      segment = try survey.open(number)
      try segment.database.execute("BEGIN")
    } catch {
      guard error.isLoss || error.isFailedOpen else { throw StoreError(error, while: "read") }
      result.findings = [Finding(.damage, file, "it cannot be read: \(error.text)")]
      return result
    }
    return try check(number, content, above: above, segment.database)
  }

  private mutating func take(_ number: Int64, _ result: SegmentCheck.Result, _ report: (Finding) -> Void) {
    summary.segmentCount += 1
    summary.batchCount += result.batchCount
    summary.entryCount += result.entryCount
    do throws(FileError) {
      summary.byteCount += try survey.files.byteCount(survey.paths.segment(number)) ?? 0
    } catch {
      // Its size only.
    }
    for finding in result.findings { note(finding, number, report) }
  }

  private mutating func note(_ finding: Finding, _ number: Int64, _ report: (Finding) -> Void) {
    if finding.kind == .damage { damaged.insert(number) }
    report(finding)
  }

  // MARK: other files

  /// What has no meaning, but takes space.
  private func reportLeftovers(_ newest: Newest, _ report: (Finding) -> Void) throws(StoreError) {
    for name in survey.names.sorted() {
      let file = "segments/\(name)"
      if name.hasSuffix(".tmp") {
        if !survey.isInUse { report(Finding(.note, file, "a crash has left it; the next start removes it")) }
      } else if let number = StorePaths.segment(ofFile: name) {
        if number < newest.content.trimmedBelow, !survey.isInUse {
          report(Finding(.note, file, "retention has removed it; the next start removes the file"))
        } else if number > newest.number + 1 {
          report(Finding(.damage, file, "it is newer than segment \(newest.number), which is the newest"))
        }
      } else {
        report(Finding(.note, file, "it is none of the store's files"))
      }
    }
  }
}
