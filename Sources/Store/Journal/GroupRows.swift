internal import LogsWire

/// What one group adds to the active segment: all that is needed to add it there later, or on another machine.
struct GroupRows: Sendable {
  /// New streams as they were before their first entry, and those that were sealed.
  var streams: [StreamInfo] = []
  /// In the order of each stream's numbers.
  var rows: [SegmentRow] = []

  /// Bytes of batches.
  var byteCount: Int { rows.indices.reduce(0) { $0 + rows[$1].batches.count } }
  /// Batches of producers.
  var batchCount: Int { rows.reduce(0) { $0 + Sender.count(in: $1.producers) } }

  init() {}

  init(_ draft: GroupDraft) {
    rows.reserveCapacity(draft.streams.count)
    for stream in draft.streams {
      if stream.isNew || stream.sealsNow { streams.append(stream.row) }
      for index in stream.runs.indices { rows.append(SegmentRow(stream.runs[index], of: stream.info.id)) }
    }
  }

  /// What several groups add, in their order, in as few rows as there can be.
  init(joining groups: [GroupRows]) {
    var parts: [Part] = []
    var openPart: [Int64: Int] = [:]
    for group in groups {
      streams += group.streams
      for row in group.rows {
        if let index = openPart[row.stream], parts[index].takes(row) {
          parts[index].add(row)
        } else {
          openPart[row.stream] = parts.count
          parts.append(Part(rows: [row], byteCount: row.batches.count))
        }
      }
    }
    rows = parts.map { SegmentRow(joining: $0.rows) }
  }

  /// Rows that become one.
  private struct Part {
    var rows: [SegmentRow]
    var byteCount: Int

    func takes(_ row: SegmentRow) -> Bool {
      byteCount + row.batches.count <= RunDraft.byteCountMax
        && rows.last.map { $0.numbers.upperBound + 1 == row.numbers.lowerBound } ?? true
    }

    mutating func add(_ row: SegmentRow) {
      rows.append(row)
      byteCount += row.batches.count
    }
  }
}

extension GroupRows {
  func encode(into writer: inout ByteWriter) {
    writer.append(u32: UInt32(streams.count))
    writer.append(u32: UInt32(rows.count))
    for stream in streams {
      writer.append(i64: stream.id)
      writer.append(u64: stream.incarnation.value)
      writer.append(u64: stream.head)
      writer.append(u64: stream.entryCount)
      writer.append(u64: stream.storedByteCount)
      writer.append(i64: stream.lastReceived)
      let name = stream.name.text
      writer.append(u16: UInt16(name.utf8.count))
      writer.append(u16: stream.isSealed ? 1 : 0)
      writer.append(utf8: name)
    }
    for index in rows.indices { rows[index].encode(into: &writer) }
  }

  @_lifetime(reader: copy reader)
  init(from reader: inout ByteReader) throws(WireDecodingError) {
    let (streamCount, rowCount) = (try reader.u32(), try reader.u32())
    for _ in 0..<streamCount {
      let id = try reader.i64()
      let incarnation = Incarnation(try reader.u64())
      let (head, entryCount, byteCount) = (try reader.u64(), try reader.u64(), try reader.u64())
      let received = try reader.i64()
      let (nameByteCount, flags) = (try reader.u16(), try reader.u16())
      let name = ByteString(copying: try reader.span(Int(nameByteCount))).text
      streams.append(
        StreamInfo(
          id: id, name: StreamName(stored: name), incarnation: incarnation,
          head: head, isSealed: flags & 1 != 0, entryCount: entryCount, storedByteCount: byteCount,
          lastReceived: received))
    }
    for _ in 0..<rowCount { rows.append(try SegmentRow(from: &reader)) }
  }
}

extension SegmentRow {
  init(_ run: RunDraft, of stream: Int64) {
    self.init(
      stream: stream, numbers: run.numbers, entryCount: Int64(run.entryCount), minTime: run.minTime,
      maxTime: run.maxTime, severities: Int64(run.severities), received: run.received, rawLength: Int64(run.rawLength),
      producers: run.producers, batches: run.batches)
  }

  /// The row of rows that follow each other; there is at least one.
  fileprivate init(joining rows: [SegmentRow]) {
    self = rows[0]
    if rows.count == 1 { return }
    var producers = ByteWriter(capacity: rows.reduce(0) { $0 + $1.producers.count })
    var batches = ByteWriter(capacity: rows.reduce(0) { $0 + $1.batches.count })
    for (index, row) in rows.enumerated() {
      if index > 0 { add(row) }
      producers.append(row.producers)
      batches.append(row.batches)
    }
    self.producers = producers.finish()
    self.batches = batches.finish()
  }

  fileprivate func encode(into writer: inout ByteWriter) {
    writer.append(i64: stream)
    writer.append(u64: numbers.lowerBound)
    writer.append(u64: numbers.upperBound)
    writer.append(i64: entryCount)
    writer.append(i64: minTime)
    writer.append(i64: maxTime)
    writer.append(i64: severities)
    writer.append(i64: received)
    writer.append(i64: rawLength)
    writer.append(u32: UInt32(producers.count))
    writer.append(u32: UInt32(batches.count))
    writer.append(producers)
    writer.append(batches)
  }

  @_lifetime(reader: copy reader)
  fileprivate init(from reader: inout ByteReader) throws(WireDecodingError) {
    let stream = try reader.i64()
    let (first, last) = (try reader.u64(), try reader.u64())
    guard first <= last else {
      throw WireDecodingError("a row ends at \(last), before it begins at \(first)", at: reader.offset)
    }
    let (entryCount, minTime, maxTime) = (try reader.i64(), try reader.i64(), try reader.i64())
    let (severities, received, rawLength) = (try reader.i64(), try reader.i64(), try reader.i64())
    let (producerByteCount, batchByteCount) = (try reader.u32(), try reader.u32())
    let producers = ByteString(copying: try reader.span(Int(producerByteCount)))
    let batches = ByteString(copying: try reader.span(Int(batchByteCount)))
    self.init(
      stream: stream, numbers: first...last, entryCount: entryCount, minTime: minTime, maxTime: maxTime,
      severities: severities, received: received, rawLength: rawLength, producers: producers, batches: batches)
  }
}
