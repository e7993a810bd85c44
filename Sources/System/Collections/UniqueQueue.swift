/// A queue that holds each element at most once. Public as `Deque` is.
public struct UniqueQueue<Element: Hashable> {
  @usableFromInline var queue = Deque<Element>()
  @usableFromInline var members: Set<Element> = []

  @inlinable public init() {}

  @inlinable public var count: Int { queue.count }
  @inlinable public var isEmpty: Bool { queue.isEmpty }
  @inlinable public var first: Element? { queue.first }

  /// Adds `element` at the end unless it is already in the queue.
  @inlinable public mutating func append(_ element: Element) {
    if members.insert(element).inserted { queue.append(element) }
  }

  @inlinable public mutating func append(_ elements: some Sequence<Element>) {
    for element in elements { append(element) }
  }

  @inlinable public mutating func popFirst() -> Element? {
    guard let element = queue.popFirst() else { return nil }
    members.remove(element)
    return element
  }

  @inlinable public mutating func removeAll() { self = UniqueQueue() }
}

extension UniqueQueue: Sendable where Element: Sendable {}
