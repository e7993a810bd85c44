import Testing

@testable import LogsStore

@Suite struct DequeTests {
  @Test func `a deque does what an array does`() {
    var generator = SeededGenerator(seed: 5)
    var deque = Deque<Int>()
    var array: [Int] = []
    for value in 0..<10_000 {
      if array.isEmpty || generator.below(5) < 3 - value / 5000 {
        deque.append(value)
        array.append(value)
      } else {
        #expect(deque.removeFirst() == array.removeFirst())
      }
      #expect(deque.count == array.count)
      #expect(deque.first == array.first)
      #expect(deque.last == array.last)
      if !array.isEmpty { #expect(deque[array.count / 2] == array[array.count / 2]) }
    }
  }
}
