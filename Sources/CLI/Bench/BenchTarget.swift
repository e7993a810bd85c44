internal import Glibc
internal import LogsClient
internal import LogsText
internal import LogsWire

/// The server to measure: one that is running, or one that is started for it.
struct BenchTarget: Sendable {
  let configuration: LogClientConfiguration
  /// The prefix of the streams that are created, which nobody else uses.
  let prefix: String
  /// Names the server in the report.
  let title: String

  /// Runs `body` with a server. One that was started for it is removed afterwards.
  static func with<Result: Sendable>(
    _ arguments: Arguments, _ configuration: BenchConfiguration, _ body: (BenchTarget) async throws -> Result
  ) async throws -> Result {
    try raiseDescriptorLimit(to: configuration.descriptorCount)
    // $LOGS_SERVER is ignored, and a profile that is not named: nobody should put this load on a server by accident.
    let settings = try ConnectionSettings(arguments)
    if settings.isServerGiven, let server = settings.server?.value {
      return try await body(BenchTarget(try clientConfiguration(arguments, server), title: server))
    }
    let server = OwnServer()
    let outcome: Swift.Result<Result, any Error>
    do {
      let place = try await server.start(
        connectionCount: configuration.descriptorCount, streamCount: configuration.streamCount)
      let target = BenchTarget(
        try clientConfiguration(arguments, place.url), title: "a logsd of its own in \(place.directory)")
      outcome = .success(try await body(target))
    } catch {
      outcome = .failure(error)
    }
    await server.end()
    return try outcome.get()
  }

  private init(_ configuration: LogClientConfiguration, title: String) {
    self.configuration = configuration
    self.title = title
    prefix = "bench/\(String(UInt64.random(in: .min ... .max), radix: 16))"
  }

  private static func clientConfiguration(_ arguments: Arguments, _ server: String) throws -> LogClientConfiguration {
    // A measurement across an outage means nothing.
    let patience = try ConnectionOptions.patience(arguments, else: .zero)
    var configuration = try ConnectionOptions.configuration(arguments, patience: patience)
    configuration.servers = server.split(separator: ",").map(String.init)
    return configuration
  }

  func stream(_ name: String) throws -> StreamName { try StreamName("\(prefix)/\(name)") }

  /// Descriptors that this process, or a server that it starts, needs besides its connections.
  private static let otherDescriptorCount = 128

  /// Raises the limit, which a server that is started inherits.
  private static func raiseDescriptorLimit(to count: Int) throws(CommandError) {
    let needed = rlim_t(count + otherDescriptorCount)
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    guard unsafe getrlimit(resource, &limit) == 0, limit.rlim_cur < needed else { return }
    limit.rlim_cur = min(needed, limit.rlim_max)
    guard needed <= limit.rlim_max, unsafe setrlimit(resource, &limit) == 0 else {
      throw CommandError(
        """
        \(Figures.count(count, "connection needs", "connections need")) \(needed) descriptors, and this process may \
        have \(limit.rlim_max); raise the limit with ulimit -Hn \(needed) as root, or use fewer
        """
      )
    }
  }
}
