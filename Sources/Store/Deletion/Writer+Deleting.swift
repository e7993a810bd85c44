internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// Deletions, done between two groups: what goes and the entry of the audit that says so are one transaction.
extension Writer {
  /// - Throws: what stops the store.
  func delete(_ queued: QueuedDeletion) throws(StoreError) {
    let plan: DeletionPlan
    switch DeletionPlan.make(queued.deletion, catalog, upkeep.archive) {
    case .failure(let refusal): return queued.then(.failure(refusal))
    case .success(let made): plan = made
    }
    if plan.remaining != nil, plan.report.entryCount == 0 { return queued.then(.success(plan.report)) }
    // More streams than may be are better than a deletion that nobody can make.
    var context = context(obstacle: nil)
    context.streamCountMax = .max
    let entry = AuditEntry(queued.deletion, plan.report, time: context.now)
    let draft = GroupDraft(own: entry.batch(), in: OwnStreams.audit, catalog: catalog, context: context)
    var failure = record(plan, draft)
    if let error = failure, error.isDiskFull, try retention.giveUpReserve() { failure = record(plan, draft) }
    if let error = failure {
      let failed = StoreError(error, while: "delete from")
      guard error.meansNothingStored else {
        queued.then(.failure(Refusal(failed, mayHaveTakenEffect: true)))
        throw failed
      }
      configuration.log(.warn("nothing was deleted: \(failed)"))
      return queued.then(
        .failure(
          Refusal(
            error.isDiskFull ? .diskFull : .overloaded, "nothing was deleted: \(failed)", isRetryable: true,
            retryAfterMilliseconds: 1000)))
    }
    publish(plan, draft)
    upkeep.rewriting.request(upkeep, isHurried: true)
    configuration.log(.notice(entry.text))
    do throws(StoreError) {
      // After the transaction: what was not deleted here must not be deleted there.
      try upkeep.archive.note(ArchiveNotes.Deletion(stream: plan.stream.id, numbers: plan.archived))
    } catch {
      configuration.log(.error("a deletion could not be noted for the archive: \(error)"))
      let text = "the entries are deleted, but that could not be noted for the archive: \(error); run it again"
      return queued.then(.failure(Refusal(.storageFailed, text, isRetryable: true, mayHaveTakenEffect: true)))
    }
    queued.then(.success(plan.report))
  }

  private func record(_ plan: DeletionPlan, _ draft: GroupDraft) -> SQLiteError? {
    do throws(SQLiteError) {
      try transact { () throws(SQLiteError) in
        if let remaining = plan.remaining {
          try active.commit(changed: [remaining], draft)
        } else {
          try active.commit(changed: [], deleted: plan.stream, draft)
        }
      }
      return nil
    } catch {
      return error
    }
  }

  private func publish(_ plan: DeletionPlan, _ draft: GroupDraft) {
    if let remaining = plan.remaining {
      catalog.publish([remaining])
      rollover.note(changed: [remaining])
    } else {
      // First the catalog: a mark that is looked up from now on is one of the next stream of that name.
      catalog.delete(plan.stream.id)
      queue.forgetMarks(of: plan.stream.name)
      tail.drop(plan.stream.id)
      rollover.note(changed: [], deleted: plan.stream)
    }
    let runs = publish(draft)
    rollover.note(draft)
    sink.committed(Commit(replies: [], runs: runs, deleted: plan.remaining == nil ? [plan.stream] : []))
  }
}
