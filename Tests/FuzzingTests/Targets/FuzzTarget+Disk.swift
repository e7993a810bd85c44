@testable import LogsClient
@testable import LogsStore
@testable import LogsWire

extension FuzzTarget {
  /// A store that is opened on damaged files: it refuses, or gives entries as they were stored, takes new ones, and
  /// closes.
  static let store = FuzzTarget(
    name: "store", byteCountMax: 64,
    seeds: { StoreImages.all.indices.flatMap { image in StoreImages.all[image].seeds.map { [UInt8(image)] + $0 } } },
    run: { input in
      let image = StoreImages.all[Int(input.byte()) % StoreImages.all.count]
      let directory = try FuzzDirectory()
      try image.write(to: directory.path, &input)
      guard let store = try? FuzzStore(directory.path) else { return }
      defer { store.close() }
      try store.checkEntries()
      if let first = store.append("a new entry") {
        try BrokenRule.check(first > 0, "an entry without a number")
        try store.checkEntries()
      }
    })

  /// A producer's spool that is opened on damaged files: it gives batches as they were stored, each once, and takes new
  /// ones.
  static let spool = FuzzTarget(
    name: "spool", byteCountMax: 64,
    seeds: { SpoolImages.all.indices.flatMap { image in SpoolImages.all[image].seeds.map { [UInt8(image)] + $0 } } },
    run: { input in
      let image = SpoolImages.all[Int(input.byte()) % SpoolImages.all.count]
      let directory = try FuzzDirectory()
      try image.write(to: directory.path, &input)
      let spool: Spool
      do throws(LogError) { spool = try Spool(directory.path, now: { 1_000 }, report: { _ in }) } catch {
        // Only a newer version is refused.
        return try BrokenRule.check(error.code == .spoolFailed, "a damaged spool fails with \(error)")
      }
      defer { spool.close() }
      do throws(LogError) {
        let ids = try spool.store([SpoolImages.batch(900)], removing: [])
        guard ids.count == 1 else { throw LogError(.spoolFailed, "no id") }
      } catch { throw BrokenRule("a damaged spool takes nothing: \(error)") }
      try SpoolImages.drain(spool)
    })
}
