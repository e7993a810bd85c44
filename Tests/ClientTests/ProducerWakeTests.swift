import Synchronization
import Testing

@testable import LogsClient

@Suite struct ProducerWakeTests {
  @Test func `a wake-up costs no more stack the more there were`() {
    let wake = ProducerWake()
    let count = Atomic(0)
    let lowest = Mutex(UInt.max)
    wake.bind {
      count.add(1, ordering: .relaxed)
      withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { memory in
        let address = UInt(bitPattern: memory.baseAddress)
        lowest.withLock { $0 = min($0, address) }
      }
    }
    wake()
    let first = lowest.withLock { $0 }
    for _ in 1..<10_000 { wake() }
    #expect(count.load(ordering: .relaxed) == 10_000)
    #expect(lowest.withLock { $0 } == first)
  }
}
