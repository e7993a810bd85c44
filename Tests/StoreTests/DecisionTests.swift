import LogsWire
import Synchronization
import Testing

@testable import LogsStore

/// Duplicate, sealed, out of order, content, limits: in this order.
@Suite struct DecisionTests {
  @Test func `a number that is not next is out of order, and the expected one is named`() throws {
    let test = try TestStore(TestDirectory())
    let ahead = test.append("web", .test("2"), number: 2)?.refusal
    #expect(ahead?.code == .outOfOrder)
    #expect(ahead?.expected == 1)
    #expect(ahead?.isRetryable == true)
    #expect(test.info("web") == nil)
    test.append("web", .test("1"), number: 1)
    #expect(test.append("web", .test("3"), number: 3)?.refusal?.expected == 2)
    #expect(test.append("web", .test("2"), number: 2)?.first == 2)
  }

  @Test func `a floor allows numbers to be left out`() throws {
    let test = try TestStore(TestDirectory())
    #expect(test.append("web", .test("a"), number: 100, floor: 100)?.first == 1)
    #expect(test.append("web", .test("b"), number: 105, floor: 103)?.refusal?.expected == 103)
    #expect(test.append("web", .test("b"), number: 105, floor: 105)?.first == 2)
    // Its producer has gone past it: whatever its answer was, it had one.
    for number in [UInt64(74), 104] {
      let passed = test.append("web", .test("b"), number: number, floor: number)?.refusal
      #expect(passed?.code == .outOfOrder && passed?.expected == 106)
    }
    #expect(test.append("web", .test("b"), number: 73, floor: 73)?.refusal?.code == .producerConflict)
    #expect(test.append("web", .test("b"), number: 104, floor: 104)?.refusal?.expected == 106)
    #expect(test.append("web", .test("a"), number: 100, floor: 105)?.isDuplicate == true)
    #expect(test.append("web", .test("x"), number: 106, floor: 107)?.refusal?.code == .badRequest)
    #expect(test.append("web", .test("x"), number: 0)?.refusal?.code == .badRequest)
  }

  @Test func `a refused batch leaves the mark alone, so that later ones in flight are refused`() throws {
    let test = try TestStore(TestDirectory())
    test.append("web", .test("1"), number: 1)
    let requests = [
      test.submit("web", .refused(Refusal(.badBatch, "bad")), number: 2),
      test.submit("web", .batch(.test("3")), number: 3),
    ]
    #expect(test.sink.outcome(requests[0])?.refusal?.code == .badBatch)
    #expect(test.sink.outcome(requests[1])?.refusal?.expected == 2)
    #expect(test.append("web", .test("2"), number: 2)?.first == 2)
    #expect(test.append("web", .test("3"), number: 3)?.first == 3)
  }

  @Test func `a resent batch that was damaged in transit may come again, and is then recognized`() throws {
    let test = try TestStore(TestDirectory())
    test.append("web", .test("1"), number: 1)
    let damaged = test.submit("web", .refused(Refusal(.badBatch, "damaged", isRetryable: true)), number: 1)
    #expect(test.sink.outcome(damaged)?.refusal?.isRetryable == true)
    #expect(test.append("web", .test("1"), number: 1)?.isDuplicate == true)
  }

  @Test func `order comes before content`() throws {
    let test = try TestStore(TestDirectory())
    let request = test.submit("web", .refused(Refusal(.badBatch, "bad")), number: 2)
    #expect(test.sink.outcome(request)?.refusal?.code == .outOfOrder)
  }

  @Test func `a sealed stream accepts nothing but repetitions, even after a restart`() throws {
    let directory = TestDirectory()
    do {
      let test = try TestStore(directory)
      test.append("task", .test("a"), number: 1)
      let complete = test.submit("task", .complete(.test("done")), number: 2)
      #expect(test.sink.outcome(complete)?.first == 2)
      #expect(test.info("task")?.isSealed == true)
      #expect(test.sink.commits.flatMap(\.runs).map(\.sealed) == [false, true])
      #expect(test.append("task", .test("b"), number: 3)?.refusal?.code == .streamSealed)
      #expect(test.append("task", .test("a"), number: 1)?.isDuplicate == true)
      test.close()
    }
    let test = try TestStore(directory)
    #expect(test.info("task")?.isSealed == true)
    #expect(test.append("task", .test("b"), producer: 2, number: 1)?.refusal?.code == .streamSealed)
    let again = test.submit("task", .complete(.test("done")), number: 2)
    #expect(test.sink.outcome(again)?.isDuplicate == true)
    #expect(try test.readAll("task").texts == ["a", "done"])
  }

  @Test func `a stream may begin and end with its completion`() throws {
    let test = try TestStore(TestDirectory())
    let complete = test.submit("task", .complete(.test("done")), number: 1)
    #expect(test.sink.outcome(complete)?.first == 1)
    #expect(test.info("task")?.isSealed == true)
    #expect(test.append("task", .test("b"), number: 2)?.refusal?.code == .streamSealed)
  }

  @Test func `streams beyond the maximum are refused, the others go on`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    configuration.streamCountMax = 2
    let test = try TestStore(configuration)
    test.append("a", .test("1"), number: 1)
    test.append("b", .test("1"), number: 1)
    let refusal = test.append("c", .test("1"), number: 1)?.refusal
    #expect(refusal?.code == .tooManyStreams)
    #expect(refusal?.limit?.value == 2)
    #expect(test.append("a", .test("2"), number: 2)?.first == 2)
  }

  @Test func `whether a client may create a stream is asked last, and only when it would`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    let asked = Mutex<[String]>([])
    configuration.creationRefusal = { client in
      asked.withLock { $0.append(client) }
      return client == "slow" ? Refusal(.overloaded, "wait", isRetryable: true) : nil
    }
    configuration.streamCountMax = 2
    let test = try TestStore(configuration)
    let bad = WriteRequest.Content.refused(Refusal(.badBatch, "bad"))
    #expect(test.sink.outcome(test.submit("a", bad, number: 1, client: "slow"))?.refusal?.code == .badBatch)
    #expect(test.append("a", .test("1"), number: 2, client: "slow")?.refusal?.code == .outOfOrder)
    #expect(asked.withLock(\.self) == [])
    #expect(test.append("a", .test("1"), number: 1, client: "slow")?.refusal?.code == .overloaded)
    #expect(test.info("a") == nil)
    // The same bytes under the same number, when it may.
    #expect(test.append("a", .test("1"), number: 1, client: "quick")?.first == 1)
    #expect(test.append("a", .test("1"), number: 1, client: "slow")?.first == 1)
    #expect(test.append("a", .test("2"), number: 2, client: "slow")?.first == 2)
    let complete = test.submit("b", .complete(.test("done")), number: 1, client: "slow")
    #expect(test.sink.outcome(complete)?.refusal?.code == .overloaded)
    #expect(test.append("b", .test("1"), number: 1, client: "quick")?.first == 1)
    #expect(test.append("c", .test("1"), number: 1, client: "quick")?.refusal?.code == .tooManyStreams)
    #expect(asked.withLock(\.self) == ["slow", "quick", "slow", "quick"])
  }

  @Test func `replies come in the order of the queue and runs in the order of their numbers`() throws {
    let test = try TestStore(TestDirectory())
    let requests = (1...200 as ClosedRange<UInt64>).map { index in
      let request = test.submit(
        "s\(index % 3)", .batch(.test("\(index)")), producer: index % 5, number: 1 + (index - 1) / 15,
        floor: 1 + (index - 1) / 15)
      // The mark of a producer that is new to a stream is looked up first, so its replies may come out of turn.
      if index <= 15 { _ = test.sink.outcome(request) }
      return request
    }
    _ = test.sink.outcome(requests[requests.count - 1])
    #expect(test.sink.commits.flatMap(\.replies).map(\.token.request) == requests)
    var heads: [String: UInt64] = [:]
    for run in test.sink.commits.flatMap(\.runs) {
      #expect(run.isNewStream == (heads[run.stream.name.text] == nil))
      #expect(run.first == heads[run.stream.name.text, default: 0] + 1)
      heads[run.stream.name.text] = run.last
      #expect(try Batch.run(run.batches).reduce(0) { $0 + UInt64($1.header.count) } == run.entryCount)
    }
    #expect(heads.values.reduce(0, +) == 200)
  }

  @Test func `a clock that was wrong affects only entries of that time, and searches by time find the rest`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try TestStore(directory, clock)
    let right = clock.now
    let wrong = right + 4_000_000_000_000_000_000
    test.append("web", .test(["1"], times: [0]), number: 1)
    clock.set(wrong)
    test.append("web", .test(["2"], times: [0]), number: 2)
    #expect(test.info("web")?.lastReceived == wrong)
    clock.set(right + 1_000_000_000)
    test.append("web", .test(["3"], times: [0]), number: 3)
    #expect(test.sink.lines.count { $0.contains("clock has gone back by 3999999999 s") } == 1)
    #expect(test.info("web")?.lastReceived == right + 1_000_000_000)
    test.append("web", .test(["4"], times: [0]), number: 4)
    #expect(test.sink.lines.count { $0.contains("clock has gone back") } == 1)
    #expect(test.findSequence("web", atOrAfter: right + 1) == 2)
    #expect(test.findSequence("web", atOrAfter: wrong) == 2)
    #expect(test.findSequence("web", atOrAfter: wrong + 1) == 5)
    test.close()

    clock.set(right + 2_000_000_000)
    let again = try TestStore(directory, clock)
    #expect(again.info("web")?.lastReceived == right + 1_000_000_000)
    again.append("web", .test(["5"], times: [0]), number: 5)
    #expect(again.info("web")?.lastReceived == right + 2_000_000_000)
    #expect(again.sink.lines.allSatisfy { !$0.contains("clock has gone back") })
    #expect(try again.readAll("web").texts == ["1", "2", "3", "4", "5"])
  }

  @Test func `a clock that is corrected while the server is down is logged with the first append`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try TestStore(directory, clock)
    let right = clock.now
    clock.set(right + 4_000_000_000_000_000_000)
    test.append("web", .test(["1"], times: [0]), number: 1)
    test.close()
    clock.set(right)
    let again = try TestStore(directory, clock)
    again.append("web", .test(["2"], times: [0]), number: 2)
    #expect(again.sink.lines.contains { $0.contains("clock has gone back") })
    #expect(again.info("web")?.lastReceived == right)
  }

  @Test func `a segment that was begun in the future grows old`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let right = clock.now
    clock.set(right + 4_000_000_000_000_000_000)
    let test = try TestStore(directory, clock)
    clock.set(right)
    test.append("web", .test("1"), number: 1)
    #expect(test.sink.waitForLine("segment 2 is active"))
    #expect(try test.readAll("web").texts == ["1"])
  }

  @Test func `a full queue refuses at once and says when to come again`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    configuration.writerQueueBatchCountMax = 0
    let test = try TestStore(configuration)
    let refusal = test.append("web", .test("1"), number: 1)?.refusal
    #expect(refusal?.code == .overloaded)
    #expect(refusal?.isRetryable == true)
    #expect(refusal?.retryAfterMilliseconds ?? 0 > 0)
  }

  @Test func `a closed store accepts nothing`() throws {
    let directory = TestDirectory()
    let test = try TestStore(directory)
    let request = test.submit("web", .batch(.test("1")), number: 1)
    test.close()
    #expect(test.sink.outcome(request)?.first == 1)
    #expect(test.append("web", .test("2"), number: 2)?.refusal?.code == .goingAway)
    guard case .failure(let error) = test.read(ReadRequest(stream: 1, from: 1, to: 1)) else {
      Issue.record("a closed store answered a read")
      return
    }
    #expect(error.code == .closed)
  }
}
