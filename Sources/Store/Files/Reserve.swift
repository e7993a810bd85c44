internal import LogsDisk
internal import LogsSystem

/// A file that reserves space, so that a store on a full disk can be started: a start needs some for SQLite's files and
/// for the file `store`.
///
/// It is allocated, but never written or synced: if a power loss takes it, it is allocated again.
struct Reserve: UpkeepJob {
  private let path: String
  private let directory: String
  private let byteCountMax: Int
  private let files: any FileSystem
  private let log: @Sendable (LogLine) -> Void

  /// At most this fraction of the free space: on a small disk most of it is for entries.
  private static let freeDivisor = 8

  init(_ configuration: StoreConfiguration, paths: StorePaths) {
    path = paths.reserve
    directory = paths.directory
    byteCountMax = configuration.reserveByteCountMax
    files = configuration.fileSystem
    log = configuration.log
  }

  /// Frees the space for use now.
  ///
  /// - Returns: whether there was any.
  func giveUp() throws(StoreError) -> Bool {
    do throws(FileError) {
      guard let byteCount = try files.byteCount(path), byteCount > 0 else { return false }
      try files.remove(path)
      log(.warn("the disk is full: \(path) has been given up, which frees \(byteCount >> 10) KiB"))
      return true
    } catch {
      throw StoreError(error, while: "give up")
    }
  }

  /// Frees the space for use now.
  ///
  /// - Returns: whether there was any that could be freed.
  func giveUpIfThere() -> Bool {
    do throws(StoreError) { return try giveUp() } catch {
      log(.error("\(error)"))
      return false
    }
  }

  /// Takes the space, or as much of it as the disk can spare, and tries again later for the rest.
  func run(on upkeep: Upkeep) -> UpkeepOutcome {
    if upkeep.isClosing { return .done }
    do throws(FileError) {
      let held = try files.byteCount(path) ?? 0
      if held >= byteCountMax { return .done }
      let spare = try files.space(directory).free / Self.freeDivisor
      let wanted = min(byteCountMax, held + spare)
      // A few blocks are not worth the attempt.
      if wanted >= held + min(byteCountMax - held, Self.growthByteCountMin) {
        try files.allocate(path, byteCount: wanted)
      }
      if wanted == byteCountMax { return .done }
    } catch {
      guard error.isDiskFull else {
        // Not needed to run: a start on a full disk has to manage without it.
        log(.warn("no room can be kept in \(path) for a start on a full disk: \(error.text)"))
        return .done
      }
    }
    return .again(after: upkeep.retryInterval)
  }

  private static let growthByteCountMin = 256 << 10
}
