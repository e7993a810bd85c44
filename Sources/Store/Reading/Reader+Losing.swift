internal import LogsDisk
internal import LogsWire

extension Reader {
  /// A number that a read calls lost.
  struct Loss: Sendable {
    var stream: Int64
    var position: UInt64
    /// In which file, and what is wrong with it.
    var text: String
  }

  /// Skips what a segment has lost. Damage in the active segment stops the store instead.
  ///
  /// - Parameter damage: what is wrong with the segment; nil if numbers are missing: it should have them, or those
  ///   behind it that cannot be read.
  func lose(
    through end: UInt64, _ segment: Segment, _ stream: StreamInfo, _ damage: String?, _ builder: inout PieceBuilder,
    _ lease: ConnectionLease
  ) throws(StoreError) {
    let position = builder.position
    guard segment.state == .active || lost != nil || !segment.isDamageNoted else {
      builder.skip(through: end, .lost)
      return
    }
    var place = segment.path
    if damage == nil, !hasRun(of: stream, behind: position, in: segment, lease) {
      let unreadable = unreadable(behind: segment)
      // Of these the log has said so.
      if !unreadable.isEmpty {
        let verb = unreadable.count == 1 ? "is" : "are"
        let text = "\(unreadable.joined(separator: " and ")) \(verb) damaged or missing"
        lost?(Loss(stream: stream.id, position: position, text: text))
        builder.skip(through: end, .lost)
        return
      }
      place += " or behind it"
    }
    let reason = damage ?? "numbers are missing"
    let line = "number \(position) of the stream '\(stream.name)' is damaged or missing in \(place): \(reason)"
    if segment.state == .active {
      let error = StoreError(
        .damaged, "\(line); stop, check the disk, restore the data directory from a backup or move the file away")
      damaged(error)
      throw error
    }
    lost?(Loss(stream: stream.id, position: position, text: "\(place): \(reason)"))
    if segment.noteDamage() { log(.error("\(line); what it held there is reported as lost")) }
    builder.skip(through: end, .lost)
  }

  /// Whether a segment has later numbers of a stream: then it has those before them, too, or has lost them.
  private func hasRun(
    of stream: StreamInfo, behind position: UInt64, in segment: Segment, _ lease: ConnectionLease
  ) -> Bool {
    do throws(SQLiteError) {
      return try lease.read(segment) { connection throws(SQLiteError) in
        try connection.firstOfRun(of: stream.id, behind: position)
      } != nil
    } catch { return true }
  }

  /// The files between a segment and the next one that can be read: what they held is looked for in that segment.
  private func unreadable(behind segment: Segment) -> [String] {
    let listing = segments.current
    let next = listing.segments.first { $0.number > segment.number && $0.state != .damaged }
    guard let next, let slash = segment.path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return [] }
    return (segment.number + 1..<next.number).map { "\(segment.path[...slash])\(StorePaths.fileName($0))" }
  }
}
