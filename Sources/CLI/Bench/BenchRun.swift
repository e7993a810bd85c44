/// The numbers of one run, or the medians of several.
struct BenchRun: Sendable {
  var entryCount = 0.0
  var seconds = 0.0
  var entriesPerSecond = 0.0
  var megabytesPerSecond = 0.0
  /// Percentiles of the latency and its maximum, in milliseconds.
  var p50 = 0.0
  var p90 = 0.0
  var p99 = 0.0
  var p999 = 0.0
  var max = 0.0
  var serverCPUSeconds = 0.0
  var serverCPUSecondsPerMillion = 0.0
  var serverResidentByteCount = 0.0
  var clientCPUSeconds = 0.0
  /// Zero for workloads without followers.
  var expectedDeliveryCount = 0.0
  var deliveryCount = 0.0
  var lagMax = 0.0

  init(_ meter: Meter, _ outcome: RunOutcome, before: Usage, after: Usage) {
    entryCount = Double(meter.entryCount)
    seconds = Double(outcome.nanoseconds) / 1e9
    entriesPerSecond = entryCount / seconds
    megabytesPerSecond = Double(meter.byteCount) / 1e6 / seconds
    let latencies = meter.latencies
    func milliseconds(_ share: Double) -> Double { Double(latencies.percentile(share)) / 1e6 }
    (p50, p90, p99, p999) = (milliseconds(0.5), milliseconds(0.9), milliseconds(0.99), milliseconds(0.999))
    max = Double(latencies.max) / 1e6
    serverCPUSeconds = after.serverCPUSeconds - before.serverCPUSeconds
    serverCPUSecondsPerMillion = entryCount == 0 ? 0 : serverCPUSeconds / entryCount * 1e6
    serverResidentByteCount = after.serverResidentByteCount
    clientCPUSeconds = after.clientCPUSeconds - before.clientCPUSeconds
    if let deliveries = outcome.deliveries {
      (expectedDeliveryCount, deliveryCount) = (Double(deliveries.expected), Double(deliveries.made))
      lagMax = Double(deliveries.lagMax)
    }
  }

  /// - Parameter runs: at least one. Each number has its own median; for an even number of runs, the mean of the two in
  ///   the middle.
  init(medianOf runs: [BenchRun]) {
    for path in Self.numbers {
      let values = runs.map { $0[keyPath: path] }.sorted()
      self[keyPath: path] = (values[(values.count - 1) / 2] + values[values.count / 2]) / 2
    }
  }

  private static let numbers: [any WritableKeyPath<BenchRun, Double> & Sendable] = [
    \.entryCount, \.seconds, \.entriesPerSecond, \.megabytesPerSecond, \.p50, \.p90, \.p99, \.p999, \.max,
    \.serverCPUSeconds, \.serverCPUSecondsPerMillion, \.serverResidentByteCount, \.clientCPUSeconds,
    \.expectedDeliveryCount, \.deliveryCount, \.lagMax,
  ]
}
