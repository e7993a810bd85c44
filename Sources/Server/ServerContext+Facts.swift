internal import Glibc
internal import LogsStore
internal import LogsSystem
internal import LogsTransport
internal import LogsWire

extension ServerContext {

  /// What STAT answers (`spec/session.md`): keys are stable and end with their unit.
  ///
  /// - Parameter rights: without the right to read everything there are only the first few: sums over all streams would
  ///   show something of those that may not be read.
  func facts(for rights: Rights) -> [ServerFact] {
    let general = [
      ServerFact("version", Version.server),
      ServerFact("uptime_seconds", MonotonicTime.now().nanoseconds(since: started) / 1_000_000_000),
    ]
    return rights.readsAll ? general + sums : general
  }

  private var sums: [ServerFact] {
    [
      ServerFact("connections", counters.connections.current),
      ServerFact("accepted_connections_total", counters.acceptedConnections.current),
      ServerFact("refused_connections_total", counters.refusedConnections.current),
      ServerFact("refused_tokens_total", counters.refusedTokens.current),
      ServerFact("subscriptions", counters.subscriptions.current),
      ServerFact("followed_streams", counters.followedStreams.current),
      ServerFact("delivered_entries_total", counters.deliveredEntries.current),
      ServerFact("delivered_bytes_total", counters.deliveredBytes.current),
      ServerFact("output_bytes", output.byteCount),
    ] + store.statistics.facts + ProcessUsage.facts
  }
}

extension ServerFact {
  init(_ key: String, _ value: Int) { self.init(key, UInt64(max(0, value))) }
}

/// The machine's resources that the process uses.
enum ProcessUsage {
  static var facts: [ServerFact] {
    var usage = rusage()
    unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    let microseconds =
      (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1_000_000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec
    return [ServerFact("cpu_microseconds_total", microseconds), ServerFact("resident_bytes", residentByteCount)]
  }

  /// From /proc/self/statm (proc(5)): the second field counts resident pages; 0 when it cannot be read.
  private static var residentByteCount: Int {
    let file = unsafe open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return 0 }
    defer { close(file) }
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
    guard count > 0 else { return 0 }
    let fields = String(decoding: buffer.prefix(count), as: UTF8.self).split(separator: " ")
    guard fields.count > 1, let pages = Int(fields[1]) else { return 0 }
    return pages * sysconf(Int32(_SC_PAGESIZE))
  }
}
