internal import LogsSystem

/// Removes the files of segments that are trimmed. One that is still being sealed is removed by that job.
struct TrimRemoval: UpkeepJob {
  let segments: [Segment]

  func run(on upkeep: Upkeep) -> UpkeepOutcome {
    let segments = segments.filter { !$0.isSealing }
    do throws(FileError) {
      try Self.remove(segments, upkeep)
    } catch {
      upkeep.log(.retry("trimmed segments cannot be removed yet: \(error.text)"))
      return .again(after: upkeep.retryInterval)
    }
    return .done
  }

  /// Removes the files, once no reader has them open. They take their space until then.
  static func remove(_ segments: [Segment], _ upkeep: Upkeep) throws(FileError) {
    guard !segments.isEmpty else { return }
    let files = upkeep.directory.files
    var failure: FileError?
    var failed: Set<Int64> = []
    for segment in segments {
      upkeep.pool.withoutConnections(to: segment) {
        do throws(FileError) {
          try files.remove(segment.path)
          for path in StorePaths.sideFiles(of: segment.path) { try files.remove(path) }
        } catch {
          failure = error
          failed.insert(segment.number)
        }
      }
    }
    upkeep.retention.noteRemoval(of: segments, failed: failed, upkeep)
    if let failure { throw failure }
    try files.synchronize(directory: upkeep.directory.paths.segments)
  }
}
