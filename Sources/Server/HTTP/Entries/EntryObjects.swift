internal import LogsText
internal import LogsWire

/// Entries as JSON objects.
struct EntryObjects {
  private(set) var bytes: [UInt8] = []
  private var ends: [(sequence: UInt64, end: Int)] = []

  var count: Int { ends.count }

  mutating func append(_ sequence: UInt64, _ object: [UInt8]) {
    bytes += object
    ends.append((sequence, bytes.count))
  }

  /// An entry's number, and where its object stands.
  subscript(index: Int) -> (sequence: UInt64, place: Range<Int>) {
    (ends[index].sequence, (index == 0 ? 0 : ends[index - 1].end)..<ends[index].end)
  }
}

/// Writes entries as JSON, once for all of a shard's clients that are sent the same batches in the same view.
final class EntryEncoder {
  private struct Piece {
    let batches: ByteString
    let range: BatchRange
    let view: EntryView
    let origin: EntryOrigin
    let objects: EntryObjects
  }

  /// The last ones written: those who follow a stream are sent a commit one after the other.
  private var recent: [Piece] = []
  private var nextPlace = 0
  private var json = JSONWriter()

  private static let pieceCountMax = 8
  /// Larger ones are those of somebody who is behind.
  private static let keptByteCountMax = 256 << 10

  /// - Parameter range: the numbers that are delivered; the handle means nothing.
  func objects(
    _ batches: ByteString, _ range: BatchRange, _ view: EntryView, of origin: EntryOrigin, decoder: inout BatchDecoder
  ) throws(WireDecodingError) -> EntryObjects {
    if let piece = recent.first(where: {
      $0.batches.isIdentical(to: batches) && $0.range.from == range.from && $0.range.to == range.to && $0.view == view
        && $0.origin == origin
    }) {
      return piece.objects
    }
    var entries: [LogEntry] = []
    for batch in try Batch.run(batches) { try decoder.append(entriesOf: batch, to: &entries) }
    var objects = EntryObjects()
    for entry in entries where (range.from...range.to).contains(entry.sequence) {
      json.removeAll()
      view.write(entry, of: origin, to: &json)
      objects.append(entry.sequence, json.bytes)
    }
    if objects.bytes.count <= Self.keptByteCountMax {
      let piece = Piece(batches: batches, range: range, view: view, origin: origin, objects: objects)
      if recent.count < Self.pieceCountMax {
        recent.append(piece)
      } else {
        recent[nextPlace] = piece
        nextPlace = (nextPlace + 1) % Self.pieceCountMax
      }
    }
    return objects
  }
}
