internal import LogsText
internal import LogsWire

/// Entries as JSON objects.
struct EntryObjects {
  private(set) var bytes: [UInt8] = []
  /// What the stream's status entries have named up to the last one; set in the view `container` only.
  var container: ContainerName?
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

/// Writes entries as JSON, once for all of a shard's clients that are sent the same batches in the same view, and keeps
/// what became of them in the forms of answers.
final class EntryEncoder {
  /// Of what, and in which view.
  struct Source {
    let batches: ByteString
    /// The numbers that are delivered; the handle means nothing.
    let range: BatchRange
    let view: EntryView
    let origin: EntryOrigin

    func isSame(as other: Source) -> Bool {
      batches.isIdentical(to: other.batches) && range.from == other.range.from && range.to == other.range.to
        && view == other.view && origin == other.origin
    }
  }

  /// What stands around each entry.
  struct Frame: Hashable {
    let form: EntryQuery.Form
    /// The id of an event before and after the entry's number.
    let before: String
    let after: String
    let isCompressed: Bool
  }

  /// Entries in the form of an answer.
  struct Text {
    let frame: Frame
    let bytes: ByteString
    let entryCount: Int
    /// As of the entries.
    let container: ContainerName?
  }

  private struct Piece {
    let source: Source
    let objects: EntryObjects
    var texts: [Text] = []
  }

  /// The last ones written: those who follow a stream are sent a commit one after the other.
  private var recent: [Piece] = []
  private var nextPlace = 0
  private var json = JSONWriter()

  private static let pieceCountMax = 4
  private static let textCountMax = 4
  /// Larger ones are those of somebody who is behind.
  private static let keptByteCountMax = 256 << 10

  func text(_ source: Source, _ frame: Frame) -> Text? {
    guard let piece = recent.first(where: { $0.source.isSame(as: source) }) else { return nil }
    return piece.texts.first { $0.frame == frame }
  }

  /// Keeps a text for the next one who needs it.
  func keep(_ text: Text, _ source: Source) {
    guard let index = recent.firstIndex(where: { $0.source.isSame(as: source) }) else { return }
    if recent[index].texts.count < Self.textCountMax { recent[index].texts.append(text) }
  }

  func objects(_ source: Source, decoder: inout BatchDecoder) throws(WireDecodingError) -> EntryObjects {
    if let piece = recent.first(where: { $0.source.isSame(as: source) }) { return piece.objects }
    var entries: [LogEntry] = []
    for batch in try Batch.run(source.batches) { try decoder.append(entriesOf: batch, to: &entries) }
    var objects = EntryObjects()
    var origin = source.origin
    for entry in entries where (source.range.from...source.range.to).contains(entry.sequence) {
      json.removeAll()
      if source.view == .container { origin.learn(entry) }
      source.view.write(entry, of: origin, to: &json)
      objects.append(entry.sequence, json.bytes)
    }
    objects.container = origin.container
    if objects.bytes.count <= Self.keptByteCountMax {
      let piece = Piece(source: source, objects: objects)
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
