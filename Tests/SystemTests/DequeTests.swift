import LogsSystem
import Testing

@testable import LogsSimulation

@Suite struct DequeTests {
  @Test func `a deque does what an array does`() {
    var generator = SeededGenerator(seed: 5)
    var deque = Deque<Int>()
    var array: [Int] = []
    for step in 0..<30_000 {
      // It grows, stays about as long, and shrinks.
      switch Int.random(in: 0..<8 + step / 10_000, using: &generator) {
      case 0...3:
        deque.append(step)
        array.append(step)
      case 4:
        guard !array.isEmpty else { break }
        let index = Int.random(in: 0..<array.count, using: &generator)
        #expect(deque.remove(at: index) == array.remove(at: index))
      case 5:
        guard !array.isEmpty else { break }
        let index = Int.random(in: 0..<array.count, using: &generator)
        deque[index] = step
        array[index] = step
      case 6:
        guard !array.isEmpty else { break }
        deque.removeLast()
        array.removeLast()
      default:
        #expect(deque.popFirst() == array.first)
        if !array.isEmpty { array.removeFirst() }
      }
      #expect(deque.count == array.count)
      #expect(deque.first == array.first)
      #expect(deque.last == array.last)
      if !array.isEmpty { #expect(deque[array.count / 2] == array[array.count / 2]) }
    }
  }

  @Test func `each element is in a unique queue once, until it is taken`() {
    var queue = UniqueQueue<Int>()
    queue.append([1, 2, 1, 3])
    #expect(queue.count == 3)
    #expect(queue.popFirst() == 1)
    queue.append([2, 1])
    #expect([queue.popFirst(), queue.popFirst(), queue.popFirst(), queue.popFirst()] == [2, 3, 1, nil])
  }
}
