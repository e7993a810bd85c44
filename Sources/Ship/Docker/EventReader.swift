internal import LogsTransport
internal import LogsWire

/// What a reader of events needs of its source.
protocol EventReaderOwner: AnyObject {
  var desk: any ShipDesk { get }
  var name: String { get }
  /// An event comes for the first time. Adds what it leads to.
  func happened(_ event: DockerEvent, into shipment: inout Shipment)
  /// The engine sends no more events.
  func eventsEnded(_ failure: DockerFailure?)
}

/// Turns the events of an engine's containers into status entries.
///
/// After a pause the engine is asked for the events since the last one that was shipped. It keeps the latest 256 or so,
/// of all kinds (images, networks, `exec`), in memory. So an event from a time without a shipper becomes an entry if it
/// is still among these and the engine was not restarted since; otherwise there is no entry for it. The containers
/// themselves are found by the list, so that no line is missed.
final class EventReader: SourceReader, EngineCallHandler {
  private static let lineByteCountMax = 256 << 10

  private unowned let owner: any EventReaderOwner
  private let key: String
  private var shipped: ShippedLines
  private var call: EngineCall?
  private var status = 0
  /// The answer to the question for earlier events.
  private var stored: [UInt8] = []
  private var buffer: [UInt8] = []
  /// A line whose end has not come; of one that is too long, nothing more than that.
  private var rest: [UInt8] = []
  private var hasEnded = false
  /// Whether it was never read before, and nobody knows yet that it is now.
  private var hasBegun = false
  private var failure: DockerFailure?

  init(_ owner: any EventReaderOwner) {
    self.owner = owner
    key = Self.key(owner.name)
    shipped = owner.desk.bookmark(key).flatMap(Self.decode) ?? ShippedLines()
  }

  /// Each section hears of events by itself.
  static func key(_ section: String) -> String { "docker events \(section)" }

  private static func decode(_ bytes: ByteString) -> ShippedLines? {
    do throws(WireDecodingError) {
      var reader = ByteReader(bytes.span)
      return try ShippedLines(&reader)
    } catch {
      return nil
    }
  }

  /// From when the engine must send events: at the latest from `now`, by its clock.
  func since(_ now: Int64) -> Int64 {
    guard let floor = shipped.floor else {
      shipped.begin(at: now)
      hasBegun = true
      owner.desk.turn(self)
      return now
    }
    return min(floor - ShippedLines.windowNanoseconds, now)
  }

  /// Takes the events that the engine has stored.
  func take(_ stored: [UInt8]) {
    self.stored = stored
    owner.desk.turn(self)
  }

  /// Follows the events from `since`.
  func follow(_ engine: Endpoint, since: Int64) {
    (status, hasEnded, failure) = (0, false, nil)
    (buffer, rest) = ([], [])
    call = EngineCall(
      "/events?since=\(EngineTime.since(since))&\(DockerSource.containerFilter)", to: engine, on: owner.desk.loop, self)
  }

  func stop() {
    call?.cancel()
    call = nil
  }

  // MARK: EngineCallHandler

  func answered(_ status: Int, _ call: EngineCall) {
    self.status = status
  }

  func received(_ bytes: ArraySlice<UInt8>, _ call: EngineCall) {
    guard status == 200 else { return }
    buffer += bytes
    call.pause()
    owner.desk.turn(self)
  }

  func ended(_ failure: DockerFailure?, _ call: EngineCall) {
    hasEnded = true
    self.failure = failure ?? (status == 200 ? nil : DockerFailure("its events are answered with status \(status)"))
    owner.desk.turn(self)
  }

  // MARK: SourceReader

  func read(into shipment: inout Shipment) -> Bool {
    let before = shipped
    if !stored.isEmpty {
      var repeated = RepeatedLines(shipped)
      var rest: [UInt8] = []
      Self.events(in: stored[...], after: &rest) { event in
        if !repeated.isShipped(Self.line(event)) { take(event, &shipment) }
      }
      stored = []
    }
    var bytes: [UInt8] = []
    swap(&bytes, &buffer)
    var rest = rest
    Self.events(in: bytes[...], after: &rest) { take($0, &shipment) }
    self.rest = rest
    if shipped != before || hasBegun {
      hasBegun = false
      shipped.prune()
      var writer = ByteWriter()
      shipped.encode(to: &writer)
      shipment.set(key, writer.finish())
    }
    if hasEnded {
      hasEnded = false
      call = nil
      owner.eventsEnded(failure)
    } else {
      call?.resume()
    }
    return false
  }

  /// - Parameter rest: a line whose end has not come.
  private static func events(in bytes: ArraySlice<UInt8>, after rest: inout [UInt8], _ body: (DockerEvent) -> Void) {
    var left = bytes
    while let end = left.firstIndex(of: UInt8(ascii: "\n")) {
      rest += left[..<end].prefix(max(lineByteCountMax - rest.count, 0))
      left = left[(end + 1)...]
      if let event = DockerEvent(rest[...]) { body(event) }
      rest = []
    }
    rest += left.prefix(max(lineByteCountMax - rest.count, 0))
  }

  private static func line(_ event: DockerEvent) -> ShippedLines.Line {
    ShippedLines.Line(time: event.time, hash: event.hash)
  }

  private func take(_ event: DockerEvent, _ shipment: inout Shipment) {
    let line = Self.line(event)
    // The stored ones and those that are followed meet at a moment, which belongs to both.
    guard !shipped.lines.contains(line) else { return }
    owner.happened(event, into: &shipment)
    shipped.add(line)
  }

  func finish(into shipment: inout Shipment) {}
}
