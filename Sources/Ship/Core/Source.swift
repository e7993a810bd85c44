package import LogsTransport
package import LogsWire

/// A kind of place that logs come from, as one section of the configuration names it: files, an engine's containers, a
/// journal, a command.
///
/// Bound to the shipper's loop, on which everything here is called.
package protocol Source: AnyObject {
  /// The section's name.
  var name: String { get }

  /// Begins to look for what there is to read. Everything that it reads goes through readers that it gives turns to
  /// (`desk.turn`), never from inside this call.
  func begin(_ desk: any ShipDesk)

  /// Stops watching and waiting. What was read and not yet shipped is shipped first (`SourceReader.finish`).
  func end()

  /// How far it is behind.
  var lag: SourceLag { get }

  /// Whether something that could be read waits for its rate.
  var isHeldBack: Bool { get }

  /// Whether what is there has been asked for, and has not all come.
  var isCatchingUp: Bool { get }

  /// Why it, or something of it, cannot be read now; nil if all of it can.
  var problem: String? { get }
}

extension Source {
  package var isHeldBack: Bool { false }
  package var isCatchingUp: Bool { false }
  package var problem: String? { nil }
}

/// Something that is read in turns: one file, one container, the journal.
///
/// Bound to the shipper's loop.
package protocol SourceReader: AnyObject {
  /// Reads what one turn allows (`Shipment.turnByteCount`), and adds entries and bookmarks to the shipment.
  ///
  /// Called only while the shipper takes more; until the next call nothing is to be read, however much there is.
  /// - Returns: whether there is more to read at once. If not, the reader asks for its next turn by `desk.turn(self)`.
  func read(into shipment: inout Shipment) -> Bool

  /// The shipper stops: adds what was read and held back (lines that wait for others of their group) as far as it
  /// should not be read again.
  func finish(into shipment: inout Shipment)
}

/// How much of a source has not been read.
package struct SourceLag: Hashable, Sendable {
  /// Bytes that wait to be read; nil where nobody knows.
  package var byteCount: UInt64?
  /// The time of the last entry that was read, in ns since 1970; 0 if there is none yet.
  package var timeLast: Int64 = 0
  /// What is read now: files, containers.
  package var readerCount = 0
  /// Files that were lost with something in them that was not read.
  package var lostFileCount: UInt64 = 0

  package init(byteCount: UInt64? = nil, timeLast: Int64 = 0, readerCount: Int = 0) {
    self.byteCount = byteCount
    self.timeLast = timeLast
    self.readerCount = readerCount
  }
}

/// What the shipper offers its sources. Bound to its loop.
package protocol ShipDesk: AnyObject {
  var loop: EventLoop { get }

  /// How long shipments gather now: reading a source more often gains nothing.
  var pace: Duration { get }

  /// Gives a reader its turn, once, behind those that wait.
  func turn(_ reader: any SourceReader)

  /// Forgets a reader that has ended.
  func forget(_ reader: any SourceReader)

  /// How far a source has been read, as it is on disk or on the way there.
  func bookmark(_ key: String) -> ByteString?

  /// Stores soon how far a source has been read that has no bookmark yet, also while there is no room for entries.
  func note(_ key: String, _ value: ByteString)

  /// The keys of all bookmarks that begin with `prefix`, ascending.
  func bookmarkKeys(_ prefix: String) -> [String]

  /// A line of the shipper's own log: what an operator would ask about, never one for each entry.
  func log(_ severity: LogSeverity, _ text: String)
}
