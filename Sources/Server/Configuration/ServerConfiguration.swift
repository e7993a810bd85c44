internal import Glibc
package import LogsStore
package import LogsTransport
package import LogsWire

/// Everything about a server that an operator can set. Names, units and defaults: `Setting`.
package struct ServerConfiguration: Sendable {
  package var dataDirectory = "./logs-data"
  package var endpoints: [Endpoint] = [.tcp(host: "127.0.0.1", port: Endpoint.defaultPort)]
  /// Where it listens for HTTP.
  package var httpEndpoints: [Endpoint] = []
  /// Doors that the service manager has opened, in place of those above where the same is spoken.
  var handedDoors: [Door] = []
  /// Names by which browsers may reach it without a token, in lower case.
  var httpHosts: [String] = []
  /// Whose pages may use it with a token of their own, in lower case.
  var httpOrigins: [String] = []
  /// What the paths of all addresses begin with, like `/logs`; empty for nothing.
  var httpBasePath = ""
  /// Whose `X-Forwarded-*` are believed.
  var httpProxies: [AddressRange] = []
  /// The server's certificate and key, and the CA that clients need a certificate of.
  package var tls = TLSFiles()
  /// What users of Unix sockets and clients with certificates may do.
  var unixAllow = NamedRights()
  var certificateAllow = NamedRights()
  /// Whether plain text, or everything to everybody, is meant to be open to other machines.
  package var isPlainAllowed = false
  package var isOpenAllowed = false
  /// Event-loop threads. The other half of the cores is for the writer, the readers and the system (decision 20).
  package var shardCount = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)) / 2)
  package var readerThreadCount = 2
  package var retention = RetentionPolicy(rules: OwnStreams.rules)
  /// Where sealed segments are copied to, and how long they are kept there; nil for nowhere, and for good.
  package var archive: String?
  package var archiveAgeMax: Duration?
  /// What the server's own log has, and how its lines look.
  var logLevel = LogLine.Level.info
  var logFormat = LogForm.Format.text
  /// Whether its lines are entries of `$logsd`, too.
  var isLogStream = true

  package var connectionCountMax = 10_000
  /// Of one address other than loopback.
  package var addressConnectionCountMax = 1_000
  /// What a client, and all clients together to a stream, may append in a second.
  var clientAppendRates = AppendRates.Limits()
  var streamAppendRates = AppendRates.Limits()
  /// Streams that a client may create in a minute; nil for no limit.
  var newStreamCountMax: Int? = 10_000
  /// Queries of a client under way.
  var clientQueryCountMax = 32
  /// Open subscriptions on one connection.
  package var subscriptionCountMax = 1_024
  package var streamCountMax = 100_000
  /// Streams of all open subscriptions together, a stream counted for each subscription that has it.
  package var followedStreamCountMax = 1_000_000
  /// Batches that one connection may have in flight, in bytes and in number.
  package var appendByteCountMax = 8 << 20
  package var appendBatchCountMax = 256
  /// Batches that all connections together may have in flight.
  package var appendByteCountTotalMax = 256 << 20
  /// Output that waits for one connection's socket before its followers fall back to the store.
  package var outputByteCountMax = 1 << 20
  /// Output that waits for all sockets together before each may have only a little of it.
  package var outputByteCountTotalMax = 256 << 20

  package var heartbeat = Duration.seconds(10)
  /// How long a stream of events or a WebSocket may be quiet: 15 s unless `heartbeat` is set.
  var httpHeartbeat: Duration { heartbeat * 3 / 2 }
  package var handshakeDurationMax = Duration.seconds(10)
  /// How long output may wait for a peer that takes none of it.
  package var outputStallDurationMax = Duration.seconds(30)
  /// Where clients are to go when the server stops; nil leaves it to them.
  package var stopAdvice: GoAway.Advice?
  package var drainDurationMax = Duration.seconds(8)

  package var tailEntryCount = 1_000
  package var tailByteCountMax = 32 << 20
  /// Of the log in front of the segments.
  package var journalByteCount = 16 << 20
  package var segmentByteCountMax = 256 << 20
  package var segmentAgeMax = Duration.seconds(24 * 3_600)
  package var segmentIdleMax = Duration.seconds(600)
  /// How long after a deletion segments are rewritten without what it has deleted.
  package var rewriteDelay = Duration.seconds(10)
  /// The part of a core that work on segments may take, in percent; 0: they are not compacted.
  package var upkeepProcessorPercent = 60
  /// How long `--seal` waits.
  package var sealDurationMax = Duration.seconds(300)

  /// How long the view `container` looks back; no setting, but tests have other ones.
  var statusLookDuration = HTTPLimits.statusLookDuration

  /// What is odd about the settings without being wrong, for the log.
  var remarks: [String] = []

  package init() {}

  /// All places where it listens.
  var doors: [Door] {
    let own = endpoints.map { Door($0, .frames) } + httpEndpoints.map { Door($0, .http) }
    return handedDoors + own.filter { door in !handedDoors.contains { $0.isLike(door) } }
  }
}
