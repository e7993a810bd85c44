package import LogsClient
package import LogsWire

/// How a shipper gathers and keeps what its sources read.
package struct ShipperConfiguration: Sendable {
  /// The directory of its state: the spool, with the bookmarks, and its lock.
  package var stateDirectory: String
  /// Where the spool is, if not in the state directory.
  package var ownSpoolDirectory: String?
  package var spoolDirectory: String { ownSpoolDirectory ?? "\(stateDirectory)/spool" }
  /// How many bytes may wait for the server; sources are not read while it is full.
  package var spoolByteCountMax = 1 << 30
  /// The same for entries that wait in memory (`Commit.server`), if the configuration says nothing.
  package static let memoryByteCountMax = 64 << 20
  /// When bookmarks are final, and whether entries wait on disk or in memory.
  package var commit = SpoolConfiguration.Commit.spool
  /// How long an entry may wait for others to share its transaction.
  package var linger = Duration.milliseconds(20)
  /// The stream of the shipper's own log; nil for none.
  package var ownStream: StreamName?
  /// Added to the shipper's own entries, such as `host.name`. Sources add theirs by themselves.
  package var attributes: [LogAttribute] = []
  /// How long to wait at the end for the server; what it has not acknowledged by then stays in the spool.
  package var drainTime = Duration.seconds(5)

  package init(stateDirectory: String) { self.stateDirectory = stateDirectory }
}
