internal import LogsDisk
internal import LogsWire

/// Finds marks that a crash kept out of the active segment's table, in the rows that the table does not cover.
struct MarkReplay {
  let active: SegmentWriter
  let catalog: Catalog
  let reader: Reader

  /// - Returns: the marks as of the last commit, and how many batches the table lacks.
  func run() throws(StoreError) -> (marks: [MarkKey: ProducerMark], batchCount: Int) {
    var marks: [MarkKey: ProducerMark] = [:]
    let (records, batchCount) = try records()
    for (key, records) in records {
      var mark = try reader.mark(of: key, on: catalog[key.stream])
      for record in records where record.number > mark.number { mark.add(record) }
      marks[key] = mark
    }
    return (marks, batchCount)
  }

  private func records() throws(StoreError) -> (records: [MarkKey: [ProducerMark.Record]], batchCount: Int) {
    var records: [MarkKey: [ProducerMark.Record]] = [:]
    var batchCount = 0
    var problem: String?
    #if PLANTED_BUGS
      if PlantedBug.planted == .markApart { return (records, batchCount) }
    #endif
    do throws(SQLiteError) {
      try active.forEachRunWithoutMarks { stream, senders, batches in
        if batches.isEmpty {
          problem = "a row of stream \(stream) cannot be unpacked"
          return
        }
        do throws(WireDecodingError) {
          let senders = try Sender.decode(senders)
          // The server's own batches have none.
          if senders.isEmpty { return }
          let batches = try Batch.run(batches)
          guard senders.count == batches.count else {
            problem =
              "the number of batches of stream \(stream) is \(batches.count), that of their senders \(senders.count)"
            return
          }
          batchCount += batches.count
          // A deleted stream has no marks.
          guard let name = catalog[stream]?.name else { return }
          for (sender, batch) in zip(senders, batches) {
            guard (1...Limits.numberMax).contains(sender.number) else {
              problem = "a batch of stream \(stream) has the producer's number \(sender.number)"
              return
            }
            let record = ProducerMark.Record(
              number: sender.number, first: batch.header.firstSequence, count: batch.header.count,
              check: batch.header.check)
            records[MarkKey(stream: name, producer: sender.producer), default: []].append(record)
          }
        } catch {
          problem = "\(error)"
        }
      }
    } catch {
      throw StoreError(error, while: "read")
    }
    if let problem {
      throw StoreError(
        .damaged,
        """
        \(active.segment.path), the active segment, is damaged: \(problem). Check the disk, then restore the data \
        directory from a backup
        """)
    }
    return (records, batchCount)
  }
}
