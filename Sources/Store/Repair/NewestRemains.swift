internal import LogsDisk
internal import LogsWire

/// What can be read of a newest segment whose streams cannot: what was deleted must not come back.
struct NewestRemains {
  private(set) var removals: [Int64: Removals] = [:]
  /// Streams that were deleted while it was the newest.
  private(set) var deleted: Set<Int64> = []
  private(set) var trimmedBelow: Int64?
  private(set) var nextStreamID: Int64?

  init(_ survey: DirectorySurvey) {
    do throws(SQLiteError) {
      let file = try survey.open(survey.newest)
      let identity = try SegmentWriter.identity(file.database)
      guard identity.number == survey.newest else { return }
      if (1...survey.newest).contains(identity.trimmedBelow) { trimmedBelow = identity.trimmedBelow }
      read(file.database, identity.format)
    } catch {
      // Nothing of it can be read.
      return
    }
  }

  /// Each for itself.
  private mutating func read(_ database: borrowing Database, _ format: Int64) {
    guard format >= SegmentSchema.removalsFormat else { return }
    do throws(SQLiteError) { removals = try SegmentWriter.removals(in: database, format: format) } catch {
      removals = [:]
    }
    do throws(SQLiteError) {
      let found = try database.integer("SELECT next_stream FROM segment")
      if found > 0 { nextStreamID = found }
    } catch { nextStreamID = nil }
    do throws(SQLiteError) {
      let rows = try database.prepare("SELECT id FROM streams WHERE state = ?1")
      rows.bind(1, SegmentSchema.StreamState.deleted.rawValue)
      while try rows.step() { deleted.insert(rows.integer(0)) }
    } catch {
      // Those that were read count.
      return
    }
  }
}
