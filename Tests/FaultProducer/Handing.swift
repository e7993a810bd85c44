import FaultMessages
import LogsClient

/// Hands over numbered entries in pieces of any size, using all available calls, and reports what was accepted,
/// acknowledged and flushed.
struct Handing {
  private let configuration: RunConfiguration
  private var random: SplitMix64
  private var next: Int

  private static let flushTimeout = Duration.seconds(600)

  init(_ configuration: RunConfiguration) {
    self.configuration = configuration
    random = SplitMix64(state: configuration.seed)
    next = configuration.from
  }

  private enum Call: CaseIterable {
    case append
    case submit
    case log
    case flush
  }

  /// - Returns: whether everything is acknowledged.
  mutating func run() async throws -> Bool {
    let producer = try configuration.makeProducer(whenFull: .wait, reportsDrops: true)
    try await withThrowingDiscardingTaskGroup { receipts in
      while next <= configuration.last {
        if configuration.pauseMax > 0 {
          // A service works between two calls.
          try await Task.sleep(for: .milliseconds(Int.random(in: 0...configuration.pauseMax, using: &random)))
        }
        let call = configuration.submitsOnly ? .submit : Call.allCases.randomElement(using: &random) ?? .submit
        if case .flush = call, next > configuration.from {
          await flush(producer)
          continue
        }
        await hand(call, to: producer, &receipts)
      }
      await flush(producer)
    }
    let isWhole = producer.counts.waiting == 0
    await producer.shutdown()
    return isWhole
  }

  private mutating func hand(
    _ call: Call, to producer: LogProducer, _ receipts: inout ThrowingDiscardingTaskGroup<any Error>
  ) async {
    let count = min(configuration.last - next + 1, Int.random(in: 1...configuration.pieceCountMax, using: &random))
    let numbers = next...next + count - 1
    next += count
    let entries = numbers.map { FaultEntry(producer: configuration.producer, number: $0).entry }
    Output.write(.handing(numbers))
    do {
      switch call {
      case .append:
        let receipt = try await producer.append(entries)
        Output.write(.acknowledged(numbers, under: receipt.ranges))
      case .submit, .flush:
        let pending = try await producer.submit(entries)
        Output.write(.accepted(numbers))
        receipts.addTask {
          do {
            let receipt = try await pending.receipt
            Output.write(.acknowledged(numbers, under: receipt.ranges))
          } catch { Output.write(.failed("the receipt of \(numbers): \(error)")) }
        }
      case .log: for entry in entries { producer.log(entry) }
      }
    } catch { Output.write(.failed("\(call) of \(numbers): \(error)")) }
  }

  private func flush(_ producer: LogProducer) async {
    guard await producer.flush(timeout: Self.flushTimeout) else {
      return Output.write(.failed("a flush was not done after \(Self.flushTimeout)"))
    }
    // A process that was started after the last entry only has to empty the spool.
    if next > configuration.from { Output.write(.flushed(configuration.from...next - 1)) }
  }
}

/// Reproducible random numbers.
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
