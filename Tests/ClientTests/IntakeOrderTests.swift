import LogsWire
import Synchronization
import Testing

@testable import LogsClient

@Suite struct IntakeOrderTests {
  /// Hands over from one thread at a time, and knows in which order.
  private actor Caller {
    let intake: Intake
    private(set) var streams: [StreamName] = []

    init(_ intake: Intake) { self.intake = intake }

    func submit(_ stream: StreamName) async throws {
      streams.append(stream)
      _ = try await intake.submit([LogEntry(message: "x")], to: stream)
    }
  }

  @Test func `what waits for room is taken in the order in which it was handed over`() async throws {
    var configuration = LogProducerConfiguration()
    configuration.whenFull = .wait
    let intake = Intake(byteCountMax: 1, configuration: configuration, wake: ProducerWake())
    let caller = Caller(intake)
    let count = 2_000
    var taken: [StreamName] = []
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<count {
        let stream = try StreamName("s/\(number)")
        group.addTask { try await caller.submit(stream) }
      }
      while taken.count < count {
        taken += intake.take(byteCountMax: 1, .all).drafts.map(\.stream)
        await Task.yield()
      }
      try await group.waitForAll()
    }
    #expect(await caller.streams == taken)
  }
}
