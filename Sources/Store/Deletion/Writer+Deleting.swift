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
    do throws(StoreError) { try note(plan) } catch {
      configuration.log(.warn("nothing was deleted: \(error)"))
      let text = "nothing was deleted, since it cannot be noted for the archive: \(error)"
      return queued.then(
        .failure(Refusal(error.code == .diskFull ? .diskFull : .storageFailed, text, isRetryable: true)))
    }
    var failure = record(plan, draft)
    if let error = failure, error.isDiskFull, try retention.giveUpReserve() { failure = record(plan, draft) }
    if let error = failure {
      let failed = StoreError(error, while: "delete from")
      guard error.meansNothingStored else {
        queued.then(.failure(Refusal(failed, mayHaveTakenEffect: true)))
        throw failed
      }
      upkeep.archive.settle(isRecorded: false)
      configuration.log(.warn("nothing was deleted: \(failed)"))
      return queued.then(
        .failure(
          Refusal(
            error.isDiskFull ? .diskFull : .overloaded, "nothing was deleted: \(failed)", isRetryable: true,
            retryAfterMilliseconds: 1000)))
    }
    publish(plan, draft)
    upkeep.archive.settle(isRecorded: true)
    upkeep.rewriting.request(upkeep, isHurried: true)
    configuration.log(.notice(entry.text))
    queued.then(.success(plan.report))
  }

  /// Before the transaction: what is deleted must be deleted in the archive, whatever fails then.
  private func note(_ plan: DeletionPlan) throws(StoreError) {
    let deletion = ArchiveNotes.Deletion(stream: plan.stream.id, numbers: plan.archived)
    let entry = (catalog[OwnStreams.audit]?.head ?? 0) + 1
    do throws(StoreError) { try upkeep.archive.intend(deletion, entry: entry) } catch {
      guard error.code == .diskFull, try retention.giveUpReserve() else { throw error }
      try upkeep.archive.intend(deletion, entry: entry)
    }
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
