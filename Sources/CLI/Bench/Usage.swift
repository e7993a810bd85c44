internal import Glibc
internal import LogsClient

/// The resources that the server and this process have used so far.
struct Usage: Sendable {
  let serverCPUSeconds: Double
  let serverResidentByteCount: Double
  let clientCPUSeconds: Double

  /// - Throws: `LogError` as `LogClient.status`; `CommandError` if a fact is missing.
  static func now(_ client: LogClient) async throws -> Usage {
    let facts = try await client.status()
    return Usage(
      serverCPUSeconds: try number("cpu_microseconds_total", facts) / 1e6,
      serverResidentByteCount: try number("resident_bytes", facts), clientCPUSeconds: ownCPUSeconds)
  }

  private static func number(_ key: String, _ facts: [ServerFact]) throws(CommandError) -> Double {
    for fact in facts where fact.key == key { if case .number(let number) = fact.value { return Double(number) } }
    throw CommandError("the server does not report \(key); measure one of this version")
  }

  private static var ownCPUSeconds: Double {
    var usage = rusage()
    unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }
}
