import LogsWire

/// A connection's wire: bytes arrive in order, in any pieces, after any delay, until something goes wrong.
final class VirtualLink {
  enum End: Int { case client, server }

  /// The bytes in flight to one end.
  private struct Road {
    var pieces: [() -> Void] = []
    /// How many of them have arrived.
    var arrivedCount = 0
    var lastArrival: UInt64 = 0
    /// Nothing arrives before.
    var heldUntil: UInt64 = 0
    var receive: (ByteString) -> Void = { _ in }
    var closed: () -> Void = {}
  }

  private let simulation: Simulation
  let name: String
  private var roads = [Road(), Road()]
  private var isCut = false
  /// Bytes in flight to this end are damaged from now on, one in this many pieces.
  private var damage: (end: End, oneIn: Int)?
  /// A fault of the link, or of one of its ends, that explains anything that happens to the connection.
  var hasFault = false

  init(_ simulation: Simulation, _ name: String) {
    self.simulation = simulation
    self.name = name
  }

  /// - Parameter closed: called when the other end has closed, or when the end learns that the link is cut.
  func attach(_ end: End, receive: @escaping (ByteString) -> Void, closed: @escaping () -> Void) {
    roads[end.rawValue].receive = receive
    roads[end.rawValue].closed = closed
  }

  func send(_ frame: OutgoingFrame, from end: End) {
    send(frame.head, from: end)
    send(frame.batches, from: end)
  }

  func send(_ bytes: ByteString, from end: End) {
    guard !isCut else { return }
    let road = end == .client ? End.server.rawValue : End.client.rawValue
    var start = 0
    while start < bytes.count {
      let size = min(simulation.chance(6) ? simulation.draw(1...40) : simulation.draw(1...4000), bytes.count - start)
      let piece = passed(bytes[start..<start + size], road)
      start += size
      arrive(at: road) { [unowned self] in roads[road].receive(piece) }
    }
  }

  private func passed(_ piece: ByteString, _ road: Int) -> ByteString {
    guard let damage, damage.end.rawValue == road, simulation.chance(damage.oneIn) else { return piece }
    var bytes = piece.array
    bytes[simulation.draw(0...bytes.count - 1)] ^= UInt8(1) << UInt8(simulation.draw(0...7))
    simulation.trace("\(name) damages a byte")
    return ByteString(bytes)
  }

  /// Ends the connection after everything sent.
  func close(from end: End) {
    let road = end == .client ? End.server.rawValue : End.client.rawValue
    arrive(at: road) { [unowned self] in
      isCut = true
      roads[road].closed()
    }
  }

  private func arrive(at road: Int, _ body: @escaping () -> Void) {
    let earliest = simulation.milliseconds + UInt64(simulation.draw(0...20))
    roads[road].lastArrival = max(roads[road].lastArrival, earliest)
    roads[road].pieces.append(body)
    simulation.at(roads[road].lastArrival) { [self] in next(road) }
  }

  /// The next piece arrives, or keeps waiting.
  private func next(_ road: Int) {
    guard !isCut else { return }
    if roads[road].heldUntil > simulation.milliseconds {
      if roads[road].heldUntil < .max { simulation.at(roads[road].heldUntil) { [self] in next(road) } }
      return
    }
    let piece = roads[road].pieces[roads[road].arrivedCount]
    roads[road].arrivedCount += 1
    if roads[road].arrivedCount == roads[road].pieces.count {
      roads[road].pieces.removeAll(keepingCapacity: true)
      roads[road].arrivedCount = 0
    }
    piece()
  }
}

// MARK: - Faults

extension VirtualLink {
  /// Bytes in flight are lost, and each end learns of it at some time.
  func cut() {
    guard !isCut else { return }
    hasFault = true
    breakOff()
  }

  /// The same, as something that the peer has done and must not have done.
  func breakOff() {
    guard !isCut else { return }
    simulation.trace("\(name) cut")
    isCut = true
    for road in 0...1 { simulation.after(0...30) { [self] in roads[road].closed() } }
  }

  /// Nothing arrives any more and nobody is notified: a black hole.
  func stall() {
    hold(.client, until: .max)
    hold(.server, until: .max)
  }

  /// Nothing arrives at one end for a while, or ever; then all of it does.
  func hold(_ end: End, until time: UInt64) {
    simulation.trace("\(name) stalled towards the \(end)")
    hasFault = true
    roads[end.rawValue].heldUntil = max(roads[end.rawValue].heldUntil, time)
  }

  /// The client's end breaks, as when its address changes; bytes that it has sent arrive late, long after it has
  /// reconnected.
  func breakClientEnd(lateUntil time: UInt64) {
    hold(.server, until: time)
    simulation.after(0...20) { [self] in roads[End.client.rawValue].closed() }
  }

  /// From now on some of what arrives at one end is damaged.
  func corrupt(_ end: End, oneIn: Int) {
    hasFault = true
    damage = (end, oneIn)
  }
}
