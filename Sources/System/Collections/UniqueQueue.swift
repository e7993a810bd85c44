/// A queue that holds each element at most once.
package struct UniqueQueue<Element: Hashable> {
  @usableFromInline var queue = Deque<Element>()
  @usableFromInline var members: Set<Element> = []

  @inlinable package init() {}

  @inlinable package var count: Int { queue.count }
  @inlinable package var isEmpty: Bool { queue.isEmpty }
  @inlinable package var first: Element? { queue.first }

  /// Adds `element` at the end unless it is already in the queue.
  @inlinable package mutating func append(_ element: Element) {
    if members.insert(element).inserted { queue.append(element) }
  }

  @inlinable package mutating func append(_ elements: some Sequence<Element>) {
    for element in elements { append(element) }
  }

  @inlinable package mutating func popFirst() -> Element? {
    guard let element = queue.popFirst() else { return nil }
    members.remove(element)
    return element
  }

  @inlinable package mutating func removeAll() { self = UniqueQueue() }
}

extension UniqueQueue: Sendable where Element: Sendable {}
