import LogsWire

@testable import LogsClient
@testable import LogsSimulation

/// What a reader's application has saved: its data, and the cursor that belongs to it.
struct ReaderRecord {
  /// A range of one batch that was delivered, or a skipped range.
  struct Piece {
    let range: ClosedRange<UInt64>
    /// The batch's check; nil for a skipped range.
    let check: UInt64?
  }

  struct Track {
    let incarnation: Incarnation
    let start: UInt64
    /// The stream's head when it was announced.
    let head: UInt64
    /// The last number accounted for; in reverse, the lowest.
    var position: UInt64
    var pieces: [Piece] = []
  }

  /// In the order in which the streams were announced.
  var names: [StreamName] = []
  var tracks: [StreamName: Track] = [:]
  var cursor = LogCursor()
  var isResolved = false
  /// Whether it has received LIVE on this connection.
  var isLive = false
  var entryCount: UInt64 = 0
  var end: EndReason?
}

extension Checker {
  // MARK: - At each event

  func announced(_ told: AnnouncedStream, _ reader: ModelReader) {
    if let track = reader.record.tracks[told.stream] {
      guard track.incarnation == told.incarnation, track.position == told.start else {
        return violate(.noSilentGap, "\(reader.name) goes on at \(told.start), not at \(track.position)")
      }
      return
    }
    reader.record.names.append(told.stream)
    reader.record.tracks[told.stream] = .init(
      incarnation: told.incarnation, start: told.start, head: told.head, position: told.start)
    let start = reader.start(of: told)
    if told.start != start { violate(.noSilentGap, "\(reader.name) starts at \(told.start), not at \(start)") }
  }

  func delivered(_ batch: DeliveredBatch, _ reader: ModelReader) {
    advance(batch.stream, batch.range, reader)
    reader.record.entryCount += UInt64(batch.range.count)
    tally.deliveredEntryCount += batch.range.count
    for part in batch.batches {
      let first = max(part.header.firstSequence, batch.range.lowerBound)
      let last = min(part.header.lastSequence, batch.range.upperBound)
      guard first <= last else { continue }
      let piece = ReaderRecord.Piece(range: first...last, check: part.header.check)
      if !isOnDisk(piece, batch.stream) {
        violate(.noPhantom, "\(reader.name) was given \(first) to \(last) of \(batch.stream), which are not durable")
      }
      reader.record.tracks[batch.stream]?.pieces.append(piece)
    }
  }

  func skipped(_ skip: SkippedRange, _ reader: ModelReader) {
    advance(skip.stream, skip.range, reader)
    tally.skippedEntryCount += skip.range.count
    reader.record.tracks[skip.stream]?.pieces.append(.init(range: skip.range, check: nil))
  }

  /// Moves past a range, which must begin where the last one ended, over all connections and processes.
  private func advance(_ stream: StreamName, _ range: ClosedRange<UInt64>, _ reader: ModelReader) {
    guard let position = reader.record.tracks[stream]?.position else {
      return violate(.noSilentGap, "\(reader.name) is given entries of \(stream), which was not announced")
    }
    guard reader.isReverse ? range.upperBound + 1 == position : range.lowerBound == position + 1 else {
      return violate(
        reader.record.isLive ? .exactSwitch : .noSilentGap,
        "\(reader.name) is given \(range) of \(stream) behind \(position)")
    }
    reader.record.tracks[stream]?.position = reader.isReverse ? range.lowerBound : range.upperBound
  }

  private func isOnDisk(_ piece: ReaderRecord.Piece, _ name: StreamName) -> Bool {
    guard let stream = server.stream(name), var place = stream.place(of: piece.range.lowerBound) else { return false }
    guard let check = piece.check else {
      // A skipped range may span several batches.
      while place < stream.batches.count, stream.batches[place].header.firstSequence <= piece.range.upperBound {
        guard ModelStore.isLost(stream.batches[place]) else { return false }
        place += 1
      }
      return piece.range.upperBound <= stream.head
    }
    let header = stream.batches[place].header
    return header.check == check && header.firstSequence <= piece.range.lowerBound
      && header.lastSequence >= piece.range.upperBound
  }

  // MARK: - At the end

  func check(_ reader: ModelReader) {
    for name in reader.record.names {
      guard let track = reader.record.tracks[name] else { continue }
      for piece in track.pieces where !isOnDisk(piece, name) {
        violate(.order, "\(reader.name) was given other entries than stored as \(piece.range) of \(name)")
      }
    }
    if let limit = reader.end.limit, reader.record.end == .limit, reader.record.entryCount != limit {
      violate(.noSilentGap, "\(reader.name) was given \(reader.record.entryCount) entries, not \(limit)")
    }
  }

  /// Whether a reader has received all that it asked for.
  func isComplete(_ reader: ModelReader) -> Bool {
    let record = reader.record
    if record.end == .limit { return true }
    let streams = server.streams.filter { reader.selects($0.name) }
    if reader.isReverse {
      return record.end == .start
        && record.tracks.values.allSatisfy { $0.position <= max(reader.bound($0), 1) }
    }
    if reader.end.atHead {
      return record.end == .until && record.tracks.values.allSatisfy { $0.position == max($0.head, $0.start) }
    }
    guard record.isResolved, streams.allSatisfy({ record.tracks[$0.name]?.position == $0.head }) else { return false }
    let isOver = !reader.hasPattern && streams.count == reader.selectorCount && streams.allSatisfy(\.isSealed)
    return isOver ? record.end == .complete : record.end == nil
  }
}

extension ReaderRecord {
  var shown: String {
    names.map { "\($0) \(tracks[$0]?.position ?? 0)" }.joined(separator: ", ")
      + (isResolved ? "" : ", not resolved") + (end.map { ", ended: \($0)" } ?? "")
  }
}
