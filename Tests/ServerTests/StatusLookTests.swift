import Foundation
import LogsTransport
import LogsWire
import Testing

@testable import LogsServer

/// The limit of the look back of the view `container`.
@Suite struct StatusLookTests {
  private static let batchCount = 20
  private static let entryCount = 5_000

  /// A status entry, and so many lines behind it that reading back to it takes much longer than a turn of the loop.
  private static func fill(_ endpoint: Endpoint) throws {
    let peer = Peer(endpoint)
    peer.send(ClientSession.hello(client: "c", token: "").head.array)
    let attributes = [LogAttribute("container.id", .string("first"))]
    let status = LogEntry(message: "started", attributes: attributes, kind: .status)
    let lines = (0..<entryCount).map { LogEntry(message: ByteString("line \($0)")) }
    let producer = ProducerID.random()
    for (index, entries) in ([[status]] + Array(repeating: lines, count: batchCount)).enumerated() {
      var builder = BatchBuilder(seed: 1)
      for entry in entries { _ = try builder.append(entry) }
      let append = Append(
        producer: producer, number: UInt64(index + 1), floor: 1, stream: try StreamName("docker/web"),
        batch: builder.finish(compressor: Compressor()).bytes)
      let frame = Message.append(append).frame(id: UInt32(index + 1))
      peer.send(frame.head.array + frame.batches.array)
    }
    // It gets all its answers, then the server closes.
    peer.endOutput()
    #expect(try peer.frameTypes().count { $0 == .ack } == batchCount + 1)
  }

  private static func page(_ endpoint: Endpoint) -> String {
    let peer = Peer(endpoint)
    let target = "/api/v1/streams/docker/web/entries?view=container&limit=1"
    peer.send(Array("GET \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8))
    return String(decoding: peer.read(count: 1 << 20), as: UTF8.self)
  }

  @Test(arguments: [(Duration.seconds(60), "first"), (.microseconds(1), "web")])
  func `what is not found in time is left to the stream's name`(limit: Duration, container: String) async throws {
    let directory = NSTemporaryDirectory() + "look-\(UInt64.random(in: 0 ... .max))"
    defer { do { try FileManager.default.removeItem(atPath: directory) } catch { Issue.record(error) } }
    var configuration = ServerConfiguration()
    configuration.dataDirectory = directory
    configuration.endpoints = [.tcp(host: "127.0.0.1", port: 0)]
    configuration.httpEndpoints = [.tcp(host: "127.0.0.1", port: 0)]
    configuration.retention.diskFreeMin = .bytes(0)
    // The look reads from the file.
    configuration.tailEntryCount = 0
    configuration.statusLookDuration = limit
    let server = try await Server.start(configuration) { _ in }
    try Self.fill(server.doors[0].endpoint)
    let text = Self.page(server.doors[1].endpoint)
    #expect(text.contains("\"container_id\":\"\(container)\""), "\(text)")
    await server.drain()
  }
}
