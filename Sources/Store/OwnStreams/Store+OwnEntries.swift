internal import LogsDisk
internal import LogsWire

extension Store {
  /// Adds entries to one of the server's own streams, soon. Never blocks.
  package func append(_ entries: OwnEntries) { if !queue.enqueue(entries) { entries.then(false) } }
}

/// The server's own entries are stored between two groups. Nothing is logged about that: the line would be the next
/// entry.
extension Writer {
  /// - Throws: what stops the store.
  func append(_ entries: OwnEntries) throws(StoreError) {
    guard retentionObstacle(WriterQueue.Group()) == nil else { return entries.then(false) }
    var context = context(obstacle: nil)
    context.streamCountMax = .max
    let draft = GroupDraft(own: entries.batch, in: entries.stream, catalog: catalog, context: context)
    do throws(SQLiteError) {
      try transact { () throws(SQLiteError) in try active.commit(draft, marks: nil, indexesRuns: false) }
    } catch {
      entries.then(false)
      guard error.meansNothingStored else { throw StoreError(error, while: "append to") }
      return
    }
    let runs = publish(draft)
    rollover.note(draft)
    noteSizes()
    sink.committed(Commit(replies: [], runs: runs))
    entries.then(true)
  }
}
