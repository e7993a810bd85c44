import LogsWire

@testable import LogsSimulation

/// A peer that sends the server what no real client would, and reads nothing.
final class HostilePeer {
  private let simulation: Simulation
  private let server: ModelServer
  private let streams: [StreamName]
  private var count = 0

  init(_ simulation: Simulation, _ server: ModelServer, streams: [StreamName]) {
    self.simulation = simulation
    self.server = server
    self.streams = streams
  }

  func attack() {
    count += 1
    let link = VirtualLink(simulation, "hostile.\(count)")
    guard server.accept(link, name: link.name) else { return }
    link.attach(.client, receive: { _ in }, closed: {})
    if simulation.chance(8) { return link.send(noise(200), from: .client) }
    let hello = Hello(
      versions: 1...1, frameByteCountMax: UInt32(Limits.frameByteCountMax), client: "hostile", token: "")
    link.send(Message.hello(hello).frame(id: 0), from: .client)
    for id in 1...UInt32(simulation.draw(1...6)) {
      simulation.after(0...200) { [unowned self] in blow(link, id) }
    }
  }

  private func blow(_ link: VirtualLink, _ id: UInt32) {
    let stream = streams[simulation.draw(0...streams.count - 1)]
    let producer = ProducerID(high: 666, low: UInt64(count))
    switch simulation.draw(0...6) {
    case 0: link.send(noise(60), from: .client)
    case 1:
      link.send(
        Message.ack(Ack(isDuplicate: false, incarnation: .any, firstSequence: 1, count: 1)).frame(id: id), from: .client
      )
    case 2:
      // A batch of noise, and one with a false header.
      for batch in [noise(120), damaged(BatchPool.all[simulation.draw(0...99)].bytes)] {
        let append = Append(producer: producer, number: UInt64(id), floor: 1, stream: stream, batch: batch)
        link.send(Message.append(append).frame(id: id + UInt32(batch.count)), from: .client)
      }
    case 3:
      let cursor = [CursorPosition(stream: stream, incarnation: .any, sequence: 1 << 40)]
      let follow = Follow(credit: 1 << 40, selectors: [.stream(stream)], start: .first, cursor: cursor)
      link.send(Message.follow(follow).frame(id: id), from: .client)
    case 4:
      // Follows everything, grants unlimited credit and reads nothing.
      let follow = Follow(credit: 1 << 40, selectors: [.pattern(.all)], start: .first)
      link.send(Message.follow(follow).frame(id: id), from: .client)
    case 5:
      // More in flight than is allowed.
      for number in 1...UInt64(40) {
        let append = Append(producer: producer, number: number, floor: 1, stream: stream, batch: noise(90))
        link.send(Message.append(append).frame(id: 1000 + UInt32(number)), from: .client)
      }
    default:
      let frame = Message.ping(1).frame(id: 0)
      link.send(damaged(frame.head), from: .client)
    }
  }

  private func noise(_ count: Int) -> ByteString { ByteString(simulation.random.bytes(count)) }

  private func damaged(_ bytes: ByteString) -> ByteString {
    var bytes = bytes.array
    bytes[simulation.draw(0...bytes.count - 1)] ^= 1 << UInt8(simulation.draw(0...7))
    return ByteString(bytes)
  }
}
