internal import LogsStore
internal import LogsWire
internal import Synchronization

/// A store whose writer works step by step: each group is exactly what was submitted for it, so that counts are exact.
///
/// The writer's thread reads its own usage in the sink and waits there until the next group is complete.
final class StoreSession: Sendable {
  private final class Sink: StoreSink {
    struct State {
      var usage = Usage()
      var problem: String?
    }

    let state = Mutex(State())
    let answered = Gate()
    let isNextComplete = Gate()

    func committed(_ commit: Commit) {
      let usage = Usage.ofThread()
      state.withLock { state in
        state.usage = usage
        for case .refused(let refusal) in commit.replies.map(\.outcome) { state.problem = refusal.text }
      }
      answered.open()
      isNextComplete.pass()
    }

    func failed(_ error: StoreError) {
      state.withLock { $0.problem = error.description }
      answered.open()
    }
  }

  let store: Store
  private let sink: Sink
  private let directory: WorkDirectory

  init(_ change: (inout StoreConfiguration) -> Void = { _ in }) throws {
    directory = try WorkDirectory()
    sink = Sink()
    var configuration = StoreConfiguration(directory: directory.data)
    configuration.leadCommitTimeMax = .zero
    change(&configuration)
    store = try Store.open(configuration, sink: sink)
    // The first group is one request alone: the writer does not wait for others yet.
    try submit(to: StreamName("first"), producer: 0, number: 1, try SampleEntries.batch(1))
    sink.answered.pass()
  }

  func submit(to stream: StreamName, producer: UInt64, number: UInt64, _ batch: Batch) throws {
    let refusal = store.enqueue(
      WriteRequest(
        stream: stream, producer: ProducerID(high: 1, low: producer), number: number, floor: 1,
        content: .batch(batch), token: WriteToken(shard: 0, client: 1, request: 1)))
    if let refusal { throw BenchmarkError(refusal.text) }
    store.commitQueued()
  }

  /// Commits what has been submitted as one group.
  ///
  /// - Returns: what the writer's thread has used so far.
  func commit() throws -> Usage {
    sink.isNextComplete.open()
    sink.answered.pass()
    let state = sink.state.withLock { $0 }
    if let problem = state.problem { throw BenchmarkError(problem) }
    return state.usage
  }

  func close() {
    sink.isNextComplete.open()
    store.close()
    do { try directory.remove() } catch { print("\(directory.path) is left: \(error)") }
  }
}
