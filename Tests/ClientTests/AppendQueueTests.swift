import LogsWire
import Testing

@testable import LogsClient

@Suite struct AppendQueueTests {
  private let now = MonotonicTime(nanoseconds: 1_000_000_000)
  private let db = StreamName(checked: "db")

  private let producer = ProducerID(high: 1, low: 1)

  private func key(_ stream: StreamName) -> AppendQueue.Key { AppendQueue.Key(producer: producer, stream: stream) }

  private func batch(_ byteCount: Int = 1) -> AppendLane.Content {
    .batch(ByteString([UInt8](repeating: 7, count: byteCount)), entryCount: 1)
  }

  /// A queue with that many batches of one stream.
  private func queue(_ count: Int, in stream: StreamName = web) -> AppendQueue {
    var queue = AppendQueue()
    for _ in 0..<count { queue.append(batch(), to: key(stream), answer: PendingAppend(stream: stream), cost: 1) }
    return queue
  }

  /// Sends everything that may be sent; ids count from `id`.
  private func sendAll(_ queue: inout AppendQueue, from id: UInt32 = 1, max: Int = 32) -> [NumberedBatch] {
    var all: [NumberedBatch] = []
    queue.send(inFlightCountMax: max) { next in
      all.append(next)
      return id + UInt32(all.count - 1)
    }
    return all
  }

  private func refusal(_ code: RefusalCode) -> Refusal { Refusal(code, "a test", isRetryable: true) }

  private func final(_ code: RefusalCode) -> Refusal { Refusal(code, "a test") }

  @Test func `batches go out in order, as many as are allowed at once`() {
    var queue = queue(40)
    #expect(sendAll(&queue).map(\.number) == Array(1...32))
    #expect(queue.inFlightCount == 32)
    #expect(queue.acknowledge(1)?.number == 1)
    #expect(queue.acknowledge(2)?.number == 2)
    let more = sendAll(&queue, from: 100)
    #expect(more.map(\.number) == [33, 34])
    #expect(more.map(\.floor) == [3, 3])
  }

  @Test func `streams take turns`() {
    var queue = AppendQueue()
    for stream in [web, web, web, db, db, db] {
      queue.append(batch(), to: key(stream), answer: PendingAppend(stream: stream), cost: 1)
    }
    #expect(sendAll(&queue).map(\.key.stream) == [web, db, web, db, web, db])
  }

  @Test func `a batch that exceeds the credit waits and is offered again`() {
    var queue = AppendQueue()
    queue.append(batch(100), to: key(web), answer: PendingAppend(stream: web), cost: 1)
    queue.append(batch(10), to: key(db), answer: PendingAppend(stream: db), cost: 1)
    var sent: [StreamName] = []
    func send(_ byteCount: Int) {
      var left = byteCount
      queue.send(inFlightCountMax: 32) { next in
        guard next.content.byteCount <= left else { return nil }
        left -= next.content.byteCount
        sent.append(next.key.stream)
        return UInt32(sent.count)
      }
    }
    send(50)
    #expect(sent.isEmpty)
    send(105)
    #expect(sent == [web])
    send(50)
    #expect(sent == [web, db])
  }

  @Test func `after a lost connection all are sent again in order, with the floor at the first unanswered one`() {
    var queue = queue(10)
    _ = sendAll(&queue, max: 6)
    for id in 1...3 { _ = queue.acknowledge(UInt32(id)) }
    queue.disconnect()
    #expect(queue.inFlightCount == 0)
    let again = sendAll(&queue, from: 50)
    #expect(again.map(\.number) == Array(4...10))
    #expect(again.map(\.floor) == Array(repeating: 4, count: 7))
    // An answer from the old connection is ignored.
    #expect(queue.acknowledge(4) == nil)
    #expect(queue.acknowledge(50)?.number == 4)
  }

  @Test func `after a refusal nothing is sent until all in flight are answered, then all in order`() {
    var queue = queue(8)
    _ = sendAll(&queue, max: 4)
    _ = queue.acknowledge(1)
    var asked: [Int] = []
    queue.postpone(2, refusal(.overloaded), now: now) {
      asked.append($0);
      return .milliseconds(10)
    }
    #expect(sendAll(&queue, from: 20).isEmpty)
    queue.postpone(3, refusal(.outOfOrder), now: now) {
      asked.append($0);
      return .seconds(9)
    }
    #expect(queue.resume(now: now + .seconds(1)) == nil)
    #expect(sendAll(&queue, from: 20).isEmpty)
    queue.postpone(4, refusal(.outOfOrder), now: now) {
      asked.append($0);
      return .seconds(9)
    }
    // One refusal is one wait, however many batches came back with it.
    #expect(asked == [0])
    #expect(queue.resume(now: now) == now + .milliseconds(10))
    #expect(sendAll(&queue, from: 20).isEmpty)
    #expect(queue.resume(now: now + .milliseconds(10)) == nil)
    let again = sendAll(&queue, from: 20)
    #expect(again.map(\.number) == Array(2...8))
    #expect(again.map(\.floor) == Array(repeating: 2, count: 7))
  }

  @Test func `waits grow with each refusal and are reset by an acknowledgement`() {
    var queue = queue(3)
    var time = now
    var asked: [Int] = []
    for round in 0..<4 {
      _ = sendAll(&queue, from: UInt32(round * 10 + 1), max: 1)
      queue.postpone(UInt32(round * 10 + 1), refusal(.diskFull), now: time) {
        asked.append($0);
        return .seconds(1)
      }
      time = time + .seconds(1)
      #expect(queue.resume(now: time) == nil)
    }
    _ = sendAll(&queue, from: 100, max: 1)
    _ = queue.acknowledge(100)
    _ = sendAll(&queue, from: 101, max: 1)
    queue.postpone(101, refusal(.diskFull), now: time) {
      asked.append($0);
      return .seconds(1)
    }
    #expect(asked == [0, 1, 2, 3, 0])
  }

  @Test func `a batch given up raises the floor of later ones`() {
    var queue = queue(5)
    _ = sendAll(&queue, max: 3)
    #expect(queue.giveUp(1, final(.badBatch), now: now)?.number == 1)
    queue.postpone(2, refusal(.outOfOrder), now: now) { _ in .seconds(9) }
    queue.postpone(3, refusal(.outOfOrder), now: now) { _ in .seconds(9) }
    // They were refused because of the one given up, so there is no reason to wait.
    #expect(queue.resume(now: now) == nil)
    let again = sendAll(&queue, from: 20)
    #expect(again.map(\.number) == [2, 3, 4, 5])
    #expect(again.map(\.floor) == [2, 2, 2, 2])
  }

  @Test func `after a gap a batch waits until it is the first`() {
    var queue = queue(4)
    _ = sendAll(&queue)
    // The first is postponed, the second given up for another reason, the others come back.
    queue.postpone(1, refusal(.overloaded), now: now) { _ in .zero }
    #expect(queue.giveUp(2, final(.badBatch), now: now)?.number == 2)
    for id in 3...4 { queue.postpone(UInt32(id), refusal(.outOfOrder), now: now) { _ in .zero } }
    #expect(queue.resume(now: now) == nil)
    #expect(sendAll(&queue, from: 20).map(\.number) == [1])
    #expect(queue.acknowledge(20)?.number == 1)
    let behind = sendAll(&queue, from: 30)
    #expect(behind.map(\.number) == [3, 4])
    #expect(behind.map(\.floor) == [3, 3])
  }

  @Test func `numbers are never used twice, even after a stream had nothing to send`() {
    var queue = queue(3)
    _ = sendAll(&queue)
    for id in 1...3 { _ = queue.acknowledge(UInt32(id)) }
    #expect(queue.isEmpty)
    let streams = [web, db]
    for stream in streams { queue.append(batch(), to: key(stream), answer: PendingAppend(stream: stream), cost: 1) }
    let next = sendAll(&queue, from: 10)
    #expect(next.map(\.number) == [4, 1])
    #expect(next.map(\.floor) == [4, 1])
    for id in 10...11 { _ = queue.acknowledge(UInt32(id)) }
    #expect(queue.isEmpty)
    // The one that was emptied first is forgotten by now.
    for stream in streams { queue.append(batch(), to: key(stream), answer: PendingAppend(stream: stream), cost: 1) }
    #expect(sendAll(&queue, from: 20).map(\.number) == [5, 2])
  }

  @Test func `a stream that is forgotten while it waits stays so`() {
    var queue = queue(2)
    _ = sendAll(&queue)
    // The second is given up while the first is in flight: nothing is sent until that is answered.
    #expect(queue.giveUp(2, final(.badBatch), now: now)?.number == 2)
    #expect(queue.acknowledge(1)?.number == 1)
    #expect(queue.isEmpty)
    queue.append(batch(), to: key(web), answer: PendingAppend(stream: web), cost: 1)
    #expect(queue.resume(now: now) == nil)
    #expect(sendAll(&queue, from: 10).map(\.number) == [3])
    #expect(!queue.isEmpty)
    #expect(queue.acknowledge(10)?.number == 3)
    queue.append(batch(), to: key(web), answer: PendingAppend(stream: web), cost: 1)
    #expect(sendAll(&queue, from: 20).map(\.number) == [4])
  }

  @Test func `giving up everything reports which batches may have been stored`() {
    var queue = queue(4)
    _ = sendAll(&queue, max: 2)
    queue.postpone(1, refusal(.overloaded), now: now) { _ in .zero }
    #expect(queue.removeAll().map(\.mayHaveTakenEffect) == [false, true, false, false])
    #expect(queue.isEmpty)
    #expect(sendAll(&queue).isEmpty)
  }

  @Test func `a batch whose answer was lost may be stored, whatever a temporary refusal says`() {
    for code in [RefusalCode.overloaded, .goingAway, .diskFull, .badBatch, .outOfOrder] {
      var queue = queue(1)
      _ = sendAll(&queue)
      queue.disconnect()
      for id in UInt32(2)...3 {
        _ = sendAll(&queue, from: id)
        queue.postpone(id, refusal(code), now: now) { _ in .zero }
        _ = queue.resume(now: now)
      }
      #expect(queue.removeAll().map(\.mayHaveTakenEffect) == [true], "\(code)")
    }
  }

  @Test func `a batch that was out of order may still be stored by a lost connection`() {
    var queue = queue(2)
    _ = sendAll(&queue)
    queue.disconnect()
    _ = sendAll(&queue, from: 11)
    queue.postpone(11, refusal(.overloaded), now: now) { _ in .zero }
    queue.postpone(12, refusal(.outOfOrder), now: now) { _ in .zero }
    #expect(queue.resume(now: now) == nil)
    _ = sendAll(&queue, from: 21)
    // Now both arrive from the first connection. The server's answer to the third attempt is about that one alone.
    #expect(queue.acknowledge(21)?.number == 1)
    #expect(queue.giveUp(22, final(.forbidden), now: now)?.mayHaveTakenEffect == true)
  }

  @Test func `a permanent refusal leaves other batches open`() {
    for (code, mayBeStored) in [
      (RefusalCode.forbidden, true), (.producerConflict, true), (.tooManyStreams, true), (.streamSealed, true),
      (.badBatch, false),
    ] {
      var queue = queue(1)
      _ = sendAll(&queue)
      queue.disconnect()
      _ = sendAll(&queue, from: 2)
      #expect(queue.giveUp(2, final(code), now: now)?.mayHaveTakenEffect == mayBeStored, "\(code)")
    }
    var queue = queue(1)
    _ = sendAll(&queue)
    #expect(queue.giveUp(1, final(.forbidden), now: now)?.mayHaveTakenEffect == false)
  }

  /// Against the rules of the server, with refusals, cuts and lost answers chosen by the seed.
  @Test func `whatever happens, everything is stored once and in order`() {
    for round in 0..<200 {
      var generator = SeededGenerator(seed: UInt64(round))
      var queue = AppendQueue()
      let streams = [web, db]
      var submitted: [StreamName: Int] = [:]
      var stored: [StreamName: [UInt64]] = [:]
      var marks: [StreamName: UInt64] = [:]
      var flights: [(id: UInt32, batch: NumberedBatch)] = []
      var id: UInt32 = 0
      var time = now
      var acknowledged = 0
      while acknowledged < 60 {
        time = time + .milliseconds(1)
        _ = queue.resume(now: time)
        switch Int.random(in: 0..<10, using: &generator) {
        case 0...2:
          let stream = streams[Int.random(in: 0...1, using: &generator)]
          if submitted.values.reduce(0, +) < 60 {
            submitted[stream, default: 0] += 1
            queue.append(batch(), to: key(stream), answer: PendingAppend(stream: stream), cost: 1)
          }
        case 3...5:
          var isFirst = true
          queue.send(inFlightCountMax: 4) { next in
            guard isFirst else { return nil }
            isFirst = false
            id += 1
            flights.append((id, next))
            return id
          }
        case 6...8:
          guard !flights.isEmpty else { break }
          let (id, batch) = flights.removeFirst()
          let mark = marks[batch.key.stream] ?? 0
          let expected = max(mark + 1, batch.floor)
          if batch.number <= mark {
            #expect(queue.acknowledge(id) != nil)
            acknowledged += 1
          } else if batch.number > expected {
            queue.postpone(id, refusal(.outOfOrder), now: time) { _ in .milliseconds(2) }
          } else if Int.random(in: 0..<4, using: &generator) == 0 {
            queue.postpone(id, refusal(.overloaded), now: time) { _ in .milliseconds(3) }
          } else {
            marks[batch.key.stream] = batch.number
            stored[batch.key.stream, default: []].append(batch.number)
            // The answer may be lost with the connection.
            if Int.random(in: 0..<6, using: &generator) == 0 {
              flights = []
              queue.disconnect()
            } else {
              #expect(queue.acknowledge(id) != nil)
              acknowledged += 1
            }
          }
        default:
          guard Int.random(in: 0..<5, using: &generator) == 0 else { break }
          flights = []
          queue.disconnect()
        }
      }
      for stream in streams {
        #expect(stored[stream]?.count == submitted[stream], "round \(round)")
        #expect(stored[stream] == stored[stream]?.sorted(), "round \(round)")
      }
    }
  }

  /// Hands over the batches of a lane once more, as the next producer on a spool does.
  private func handOver(_ numbers: ClosedRange<UInt64>, to queue: inout AppendQueue) {
    for number in numbers {
      queue.append(
        NumberedBatch(key: key(web), number: number, content: batch(), answer: PendingAppend(stream: web), cost: 0))
    }
  }

  @Test func `of withdrawn batches only those in flight are waited for`() {
    var queue = queue(40)
    _ = sendAll(&queue, max: 3)
    queue.withdraw(key(web))
    handOver(1...4, to: &queue)
    // The limit on batches in flight applies to both.
    #expect(sendAll(&queue, from: 100).isEmpty)
    for id: UInt32 in 1...3 { #expect(queue.acknowledge(id)?.number == UInt64(id)) }
    #expect(sendAll(&queue, from: 100).map(\.number) == [1, 2, 3, 4])
    for id: UInt32 in 100...103 { _ = queue.acknowledge(id) }
    #expect(queue.isEmpty)
  }

  @Test(arguments: [false, true]) func `withdrawn batches are not sent again`(isRefused: Bool) {
    var queue = queue(3)
    _ = sendAll(&queue)
    queue.withdraw(key(web))
    handOver(2...4, to: &queue)
    if isRefused {
      for id: UInt32 in 1...3 { queue.postpone(id, refusal(.overloaded), now: now) { _ in .zero } }
      _ = queue.resume(now: now)
    } else {
      queue.disconnect()
    }
    let sent = sendAll(&queue, from: 100)
    #expect(sent.map(\.number) == [2, 3, 4] && sent.map(\.floor) == [2, 2, 2])
    for id: UInt32 in 100...102 { _ = queue.acknowledge(id) }
    #expect(queue.isEmpty && sendAll(&queue).isEmpty)
  }

  @Test func `a lane withdrawn before anything was sent is gone`() {
    var queue = queue(3)
    queue.withdraw(key(web))
    #expect(queue.isEmpty && sendAll(&queue).isEmpty)
  }

  @Test func `a refusal is reported once for each try, and is final unless a retry can help`() {
    var queue = queue(4)
    _ = sendAll(&queue)
    func refuse(_ id: UInt32, _ refusal: Refusal) -> String {
      switch queue.refused(id, refusal, now: now, delay: { _, _ in .zero }) {
      case .givenUp(let batch, let error): "given up \(batch.number), may be stored: \(error.mayHaveTakenEffect)"
      case .refusing(let error): "refusing: \(error.code)"
      case .heldBack: "held back"
      case .noted: "noted"
      }
    }
    #expect(refuse(1, refusal(.diskFull)) == "refusing: refused(disk_full)")
    for id: UInt32 in 2...4 { #expect(refuse(id, refusal(.outOfOrder)) == "noted") }
    _ = queue.resume(now: now)
    _ = sendAll(&queue, from: 10)
    #expect(refuse(10, final(.badBatch)) == "given up 1, may be stored: false")
    #expect(refuse(11, Refusal(.outOfOrder, "a test")) == "noted")
    #expect(refuse(12, refusal(.goingAway)) == "noted")
  }

  private final class PatientAnswer: AppendAnswer {
    let waitsForPermission = true
    func acknowledged(_ incarnation: Incarnation, _ range: ClosedRange<UInt64>, isDuplicate: Bool) {}
    func refused(_ error: LogError) {}
    func heldBack(_ error: LogError) {}
    func failed(_ error: LogError) {}
  }

  @Test func `what is held back waits for a second, then twice as long each time, up to a minute`() {
    var queue = AppendQueue()
    queue.append(batch(), to: key(web), answer: PatientAnswer(), cost: 1)
    var waits: [Duration] = []
    for id: UInt32 in 1...9 {
      #expect(sendAll(&queue, from: id).map(\.number) == [1])
      let outcome = queue.refused(id, final(.forbidden), now: now) { _, least in
        waits.append(least ?? .zero)
        return .zero
      }
      guard case .heldBack = outcome else {
        Issue.record("\(outcome)")
        return
      }
      _ = queue.resume(now: now)
    }
    #expect(waits == [1, 2, 4, 8, 16, 32, 60, 60, 60].map { .seconds($0) })
  }

  @Test func `a batch whose number the server has gone past is answered, and those behind it are sent`() {
    var queue = queue(4)
    _ = sendAll(&queue)
    let passed = Refusal(.outOfOrder, "a test", isRetryable: true, expected: 3)
    for id: UInt32 in 1...2 {
      guard case .givenUp(let batch, let error) = queue.refused(id, passed, now: now, delay: { _, _ in .zero }) else {
        Issue.record("batch \(id) is sent again")
        continue
      }
      #expect(batch.number == UInt64(id) && error.code == .refused(.outOfOrder))
    }
    for id: UInt32 in 3...4 { #expect(queue.acknowledge(id)?.number == UInt64(id)) }
    #expect(queue.isEmpty)
  }
}
