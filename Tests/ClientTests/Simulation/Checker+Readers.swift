import LogsWire

@testable import LogsClient
@testable import LogsSimulation

/// What a reader's application has saved: its data, and the cursor that belongs to it.
struct ReaderRecord {
  /// A range of one batch that was delivered, or a skipped range.
  struct Piece {
    let range: ClosedRange<UInt64>
    /// The batch's check, or why the range was skipped.
    let content: Content

    enum Content {
      case batch(check: UInt64)
      case skip(SkipReason)
    }
  }

  struct Track {
    let incarnation: Incarnation
    let start: UInt64
    /// The stream's head when it was announced.
    var head: UInt64
    /// The last number accounted for; in reverse, the lowest.
    var position: UInt64
    var pieces: [Piece] = []
  }

  /// In the order in which the streams were announced.
  var names: [StreamName] = []
  var tracks: [StreamName: Track] = [:]
  /// Streams that were deleted while they were followed, or before the reader started over.
  var former: [Track] = []
  /// Those that it was told were deleted.
  var gone: [Incarnation] = []
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
    if let track = reader.record.tracks[told.stream], !isSuccessor(told, of: track, reader) {
      guard track.incarnation == told.incarnation, track.position == told.start else {
        return violate(.noSilentGap, "\(reader.name) goes on at \(told.start), not at \(track.position)")
      }
      reader.record.tracks[told.stream]?.head = told.head
      return
    }
    if server.disk.stream(told.incarnation)?.name != told.stream
      || reader.record.gone.contains(told.incarnation)
    {
      violate(
        .order, "\(reader.name) has \(told.stream) announced as \(told.incarnation), which is not its incarnation")
    }
    reader.record.names.append(told.stream)
    reader.record.tracks[told.stream] = .init(
      incarnation: told.incarnation, start: told.start, head: told.head, position: told.start)
    let start = reader.start(of: told)
    if told.start != start { violate(.noSilentGap, "\(reader.name) starts at \(told.start), not at \(start)") }
  }

  /// A read up to the head asks for what there is. A stream that only a pattern finds may be gone when a page begins,
  /// and a new one of its name there when the link is back: then that is what there is, and its incarnation says so.
  private func isSuccessor(_ told: AnnouncedStream, of track: ReaderRecord.Track, _ reader: ModelReader) -> Bool {
    guard reader.end.atHead, reader.hasPattern, told.incarnation != track.incarnation,
      server.disk.stream(track.incarnation)?.isDeleted == true
    else { return false }
    reader.record.tracks[told.stream] = nil
    reader.record.names.removeAll { $0 == told.stream }
    reader.record.former.append(track)
    reader.record.gone.append(track.incarnation)
    return true
  }

  func delivered(_ batch: DeliveredBatch, _ reader: ModelReader) {
    advance(batch.stream, batch.range, reader)
    reader.record.entryCount += UInt64(batch.range.count)
    tally.deliveredEntryCount += batch.range.count
    for part in batch.batches {
      let first = max(part.header.firstSequence, batch.range.lowerBound)
      let last = min(part.header.lastSequence, batch.range.upperBound)
      guard first <= last else { continue }
      let piece = ReaderRecord.Piece(range: first...last, content: .batch(check: BatchPool.check(of: part) ?? 0))
      if !isOnDisk(piece, batch.incarnation) {
        violate(.noPhantom, "\(reader.name) was given \(first) to \(last) of \(batch.stream), which are not durable")
      }
      if wasRemoved(piece.range, batch.incarnation, before: reader) {
        violate(.noPhantom, "\(reader.name) was given of \(first) to \(last) what was removed before it asked")
      }
      reader.record.tracks[batch.stream]?.pieces.append(piece)
    }
  }

  func skipped(_ skip: SkippedRange, _ reader: ModelReader) {
    advance(skip.stream, skip.range, reader)
    tally.skippedEntryCount += skip.range.count
    let piece = ReaderRecord.Piece(range: skip.range, content: .skip(skip.reason))
    if !isOnDisk(piece, skip.incarnation) {
      violate(.noSilentGap, "\(reader.name) has \(skip.range) skipped of \(skip.stream) as \(skip.reason)")
    }
    reader.record.tracks[skip.stream]?.pieces.append(piece)
  }

  /// A stream that a pattern had found is gone.
  func deleted(_ name: StreamName, _ reader: ModelReader) {
    guard let track = reader.record.tracks.removeValue(forKey: name) else {
      return violate(.order, "\(reader.name) hears that \(name) was deleted, of which it does not know")
    }
    reader.record.names.removeAll { $0 == name }
    reader.record.former.append(track)
    reader.record.gone.append(track.incarnation)
    tally.deletedCount += 1
    if server.disk.stream(track.incarnation)?.isDeleted != true {
      violate(.order, "\(reader.name) hears that \(name) was deleted, which is there")
    }
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

  private func isOnDisk(_ piece: ReaderRecord.Piece, _ incarnation: Incarnation) -> Bool {
    guard let stream = server.disk.stream(incarnation) else { return false }
    switch piece.content {
    case .skip(let reason): return stream.justifies(reason, of: piece.range)
    case .batch(let check):
      guard let header = stream.place(of: piece.range.lowerBound).map({ stream.batches[$0].header }) else {
        return false
      }
      return header.check == check && header.firstSequence <= piece.range.lowerBound
        && header.lastSequence >= piece.range.upperBound
    }
  }

  /// The longest time from the decision to remove something to the moment when nobody reads it any more.
  private static let removingMilliseconds: UInt64 = 30

  private func wasRemoved(
    _ range: ClosedRange<UInt64>, _ incarnation: Incarnation, before reader: ModelReader
  ) -> Bool {
    guard let removed = server.disk.stream(incarnation)?.removed, !removed.isEmpty else { return false }
    return range.contains { number in
      removed[number].map { $0.milliseconds + Self.removingMilliseconds < reader.begunAt } ?? false
    }
  }

  // MARK: - At the end

  func check(_ reader: ModelReader) {
    let tracks = reader.record.names.compactMap { reader.record.tracks[$0] } + reader.record.former
    for track in tracks {
      for piece in track.pieces where !isOnDisk(piece, track.incarnation) {
        violate(.order, "\(reader.name) was given other entries than stored as \(piece.range)")
      }
    }
    if let limit = reader.end.limit, reader.record.end == .limit, reader.record.entryCount != limit {
      violate(.noSilentGap, "\(reader.name) was given \(reader.record.entryCount) entries, not \(limit)")
    }
  }

  /// Whether a reader has received all that it asked for.
  func isComplete(_ reader: ModelReader) -> Bool {
    let record = reader.record
    // Streams that are deleted and created again later are not followed any more.
    if record.end == .limit || record.end == .complete { return true }
    let streams = server.streams.filter { reader.selects($0.name) }
    if reader.isReverse || reader.end.atHead {
      // A page does not have what was deleted since the page before it, or while the link was down.
      return record.end == (reader.isReverse ? .start : .until)
        && record.tracks.values.allSatisfy { track in
          let isAtEnd =
            reader.isReverse
            ? track.position <= max(reader.bound(track), 1) : track.position == max(track.head, track.start)
          return isAtEnd || server.disk.stream(track.incarnation)?.isDeleted == true
        }
    }
    let isFollowed = streams.allSatisfy { stream in
      record.tracks[stream.name].map { $0.position == stream.head && $0.incarnation == stream.incarnation } ?? false
    }
    guard record.isResolved, isFollowed else { return false }
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
