import Foundation
import Logging
import LogsClient
import LogsLogging
import Testing

/// Against a real `logsd`, from the folder that `LOGS_BINARIES` names.
@Suite(.timeLimit(.minutes(2))) struct RealServerTests {
  private static let binaries = ProcessInfo.processInfo.environment["LOGS_BINARIES"]

  @Test(.enabled(if: binaries != nil, "LOGS_BINARIES names no folder with logsd"))
  func `all log entries, even early ones, are in the stream when the service has ended`() async throws {
    let binaries = try #require(Self.binaries)
    // Short: the path of a Unix socket has 107 bytes at most.
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("logs-swift-log-\(UUID())").path
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
    let server = Process()
    server.executableURL = URL(fileURLWithPath: binaries).appendingPathComponent("logsd")
    server.arguments = [
      "--data", "\(directory)/data", "--listen", "none", "--listen-unix", "\(directory)/logs.sock",
    ]
    server.standardOutput = FileHandle.nullDevice
    server.standardError = FileHandle.nullDevice
    defer {
      do { try FileManager.default.removeItem(atPath: directory) } catch { print("\(directory) stays: \(error)") }
    }

    let outlet = LogOutlet()
    var logger = Logger(label: "service") { LogStreamHandler(label: $0, to: outlet) }
    logger[metadataKey: "region"] = "eu"
    logger.info("before the client")

    try server.run()
    defer {
      server.terminate()
      server.waitUntilExit()
    }
    // It connects once the server listens.
    let client = try LogClient(
      LogClientConfiguration(servers: ["logs+unix://\(directory)/logs.sock"], reconnectDeadline: .seconds(60)))
    let stream = StreamName("service")
    let producer = try LogProducer(client, stream: stream)
    outlet.bind(to: producer)
    for number in 1...1_000 { logger.warning("\(number)", metadata: ["n": "\(number)"]) }
    var deep = Logger.MetadataValue.string("bottom")
    for _ in 0..<20 { deep = .array([deep]) }
    logger.critical("the last line", metadata: ["too-deep": deep])
    #expect(await producer.shutdown(deadline: .seconds(60)))

    var stored: [LogEntry] = []
    for try await item in client.follow([.stream(stream)], from: .first, until: FollowEnd(atHead: true)).entries {
      stored.append(item.entry)
    }
    await client.shutdown()
    let expected = ["before the client"] + (1...1_000).map(String.init) + ["the last line"]
    #expect(stored.count == expected.count)
    #expect(zip(stored, expected).first { $0.0.text != $0.1 }?.1 == nil)
    #expect(stored.allSatisfy { $0.source == "service" && $0.time > 0 })
    #expect(stored.first?.attributes == [LogAttribute("region", "eu")])
    #expect(stored.dropLast().last?.attributes == [LogAttribute("n", "1000"), LogAttribute("region", "eu")])
    #expect(stored.last?.severity == .critical)
  }
}
