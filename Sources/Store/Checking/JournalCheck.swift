internal import LogsSystem
internal import LogsWire

/// Looks at the journal of a directory that no server uses: what the next start would bring into the newest segment.
struct JournalCheck {
  let survey: DirectorySurvey
  /// What the newest segment says of it.
  let anchor: JournalAnchor?
  /// The last numbers of streams in the newest segment, which the journal goes on from.
  let heads: [Int64: UInt64]

  static let file = "journal"

  func findings() throws(StoreError) -> [Finding] {
    // After a clean stop everything in it is in the segment.
    guard let anchor, survey.storeFile?.isClean != true else { return [] }
    let content: [UInt8]?
    do throws(FileError) { content = try Self.content(survey.paths, survey.files, anchor) } catch {
      return [Finding(.damage, Self.file, "it cannot be read: \(error.text)")]
    }
    guard let content else { return [damage("it is missing")] }
    if content.isEmpty {
      return [
        Finding(
          .note, Self.file, "it is empty: the next start goes on without what it held, with new incarnations")
      ]
    }
    let header: JournalFormat.Header
    do throws(JournalFormat.HeaderProblem) {
      header = try JournalFormat.header(of: content, byteCount: content.count)
    } catch {
      return [damage("its header is damaged, or of a newer version")]
    }
    if let store = survey.storeFile?.id, header.store != store { return [damage("it belongs to another store")] }
    guard header.id == anchor.id else { return [damage("it is another one than the newest segment names")] }
    var ring = JournalRing(header) { byteCount, offset throws(StoreError) in
      Array(content[min(offset, content.count)..<min(offset + byteCount, content.count)])
    }
    return try findings(&ring, header, anchor)
  }

  /// The journal that the newest segment names. One that was just made gets its name after that.
  static func content(
    _ paths: StorePaths, _ files: PosixFileSystem, _ anchor: JournalAnchor?
  ) throws(FileError) -> [UInt8]? {
    let content = try files.read(paths.journal)
    guard let anchor, !isNamed(content, anchor), let new = try files.read(paths.journalTemporary), isNamed(new, anchor)
    else { return content }
    return new
  }

  private static func isNamed(_ content: [UInt8]?, _ anchor: JournalAnchor) -> Bool {
    guard let content else { return false }
    do throws(JournalFormat.HeaderProblem) {
      return try JournalFormat.header(of: content, byteCount: content.count).id == anchor.id
    } catch { return false }
  }

  private func findings(
    _ ring: inout JournalRing, _ header: JournalFormat.Header, _ anchor: JournalAnchor
  ) throws(StoreError) -> [Finding] {
    guard anchor.position < 1 << 62, anchor.position % UInt64(header.blockByteCount) == 0 else {
      return [Finding(.damage, DirectorySurvey.name(survey.newest), "the journal's position is \(anchor.position)")]
    }
    var position = anchor.position
    var heads = heads
    while let found = try ring.next(at: position) {
      do throws(WireDecodingError) {
        var reader = ByteReader(found.body.span)
        let rows = try GroupRows(from: &reader)
        for stream in rows.streams where heads[stream.id] == nil { heads[stream.id] = stream.head }
        for row in rows.rows {
          if try Batch.run(row.batches).contains(where: { !$0.hasValidCheck }) {
            return [damage("a batch in the record before position \(found.end) does not pass its check")]
          }
          let head = heads[row.stream] ?? 0
          if row.numbers.lowerBound != head + 1 {
            let text = "it goes on with number \(row.numbers.lowerBound) of a stream that ends at \(head)"
            return [Finding(.damage, Self.file, "\(text): the newest segment or its WAL has lost what comes before")]
          }
          heads[row.stream] = row.numbers.upperBound
        }
      } catch {
        return [damage("the record before position \(found.end) cannot be read: \(error.reason)")]
      }
      position = found.end
    }
    // A torn record is the last one: what comes before a later one was acknowledged.
    if let later = try ring.position(after: position) {
      return [damage("the record at position \(position) is damaged, and one at \(later) is whole")]
    }
    return []
  }

  private func damage(_ text: String) -> Finding {
    Finding(.damage, Self.file, "\(text); what was acknowledged in the last moments may be in there alone")
  }
}
