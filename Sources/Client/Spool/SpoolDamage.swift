internal import LogsDisk
internal import LogsText
internal import LogsWire

/// Damage that was found in a spool, and what was lost.
struct SpoolDamage {
  /// The damaged database as it was found, to be looked at; the spool keeps the newest four.
  let keptAside: String?
  /// Batches that were counted and not found. More may be lost if `isComplete` is false.
  let batchCount: Int
  /// The entries in them. Notices already replace them in the streams.
  let dropped: [DroppedEntries]
  /// Whether the losses are known for every stream.
  let isComplete: Bool
  /// What was lost and why, and where to look, in one line.
  let text: String

  private static let namedStreamCountMax = 5

  /// Damage that showed as `error`.
  init(_ error: SQLiteError, _ losses: SpoolLosses, keptAside: String?, in directory: SpoolDirectory) {
    self.keptAside = keptAside
    batchCount = losses.streams.reduce(0) { $0 + $1.totals.batchCount }
    dropped = losses.streams.filter { $0.totals.entryCount > 0 }.map {
      DroppedEntries(stream: $0.name, entryCount: $0.totals.entryCount, reason: .spoolDamaged, idLast: 0)
    }
    isComplete = losses.isComplete
    text =
      "the spool \(directory.path) was damaged (\(error.text)): \(Self.text(of: losses))"
      + (keptAside.map { "; the damaged file is kept as \($0)" } ?? "")
  }

  /// A new database replaced a damaged one, but the process ended before it could report what was lost.
  init(interrupted keptAside: String, in directory: SpoolDirectory) {
    self.keptAside = keptAside
    batchCount = 0
    dropped = []
    isComplete = false
    text =
      """
      the spool \(directory.path) was damaged, and the process ended while it was mended: what was lost was not kept; \
      the damaged file is kept as \(keptAside)
      """
  }

  private static func text(of losses: SpoolLosses) -> String {
    var parts = losses.streams.prefix(namedStreamCountMax).map { stream in
      """
      \(Figures.count(stream.totals.batchCount, "batch", "batches")) with \
      \(Figures.count(stream.totals.entryCount, "entry", "entries")) of stream \(stream.name)
      """
    }
    let rest = losses.streams.dropFirst(namedStreamCountMax)
    if !rest.isEmpty {
      let batchCount = rest.reduce(0) { $0 + $1.totals.batchCount }
      let streams = Figures.count(rest.count, "other stream", "other streams")
      parts.append("\(Figures.count(batchCount, "batch", "batches")) of \(streams)")
    }
    let known = parts.isEmpty ? "nothing is known to be lost" : "lost are \(parts.joined(separator: ", "))"
    return losses.isComplete ? (parts.isEmpty ? "nothing was lost" : known) : "\(known), and perhaps more"
  }
}

/// What a salvage could not find.
struct SpoolLosses {
  /// Streams with missing batches, ascending.
  var streams: [(name: StreamName, totals: BacklogTotals)] = []
  /// Whether all streams and their counts were known.
  var isComplete: Bool
}
