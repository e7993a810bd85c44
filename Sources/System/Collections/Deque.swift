/// A queue in a ring buffer: adding at the end and removing at the front take amortized constant time.
///
/// Public, though nobody outside sees this module: other modules specialize what is inlinable only if it is public, and
/// without that each call looks its types up at run time.
public struct Deque<Element> {
  @usableFromInline var slots: [Element?] = []
  @usableFromInline var start = 0
  @usableFromInline var length = 0

  @inlinable public init() {}

  @inlinable public var count: Int { length }
  @inlinable public var isEmpty: Bool { count == 0 }
  @inlinable public var first: Element? { isEmpty ? nil : self[0] }
  @inlinable public var last: Element? { isEmpty ? nil : self[count - 1] }

  /// The element at `index`, counted from the first.
  @inlinable public subscript(index: Int) -> Element {
    get {
      precondition(index >= 0 && index < count, "an index must lie inside its deque")
      guard let element = slots[slot(index)] else { preconditionFailure("a slot in use has an element") }
      return element
    }
    set {
      precondition(index >= 0 && index < count, "an index must lie inside its deque")
      slots[slot(index)] = newValue
    }
  }

  @inlinable public mutating func append(_ element: Element) {
    if count == slots.count { grow() }
    slots[slot(count)] = element
    length += 1
  }

  @inlinable public mutating func popFirst() -> Element? { isEmpty ? nil : removeFirst() }

  @inlinable public mutating func removeFirst() -> Element {
    let element = self[0]
    slots[start] = nil
    start = slot(1)
    length -= 1
    return element
  }

  @inlinable public mutating func removeLast() {
    precondition(!isEmpty, "there is nothing to remove")
    slots[slot(count - 1)] = nil
    length -= 1
  }

  /// Removes the element at `index`, counted from the first; those after it move up.
  @inlinable @discardableResult
  public mutating func remove(at index: Int) -> Element {
    guard index > 0 else { return removeFirst() }
    let element = self[index]
    for place in index..<count - 1 { slots[slot(place)] = slots[slot(place + 1)] }
    removeLast()
    return element
  }

  @inlinable public mutating func removeAll() { self = Deque() }

  @inlinable func slot(_ index: Int) -> Int {
    let slot = start + index
    return slot < slots.count ? slot : slot - slots.count
  }

  @inlinable mutating func grow() {
    var grown = [Element?](repeating: nil, count: Swift.max(4, slots.count * 2))
    for index in 0..<count { grown[index] = slots[slot(index)] }
    slots = grown
    start = 0
  }
}

extension Deque: Sendable where Element: Sendable {}
