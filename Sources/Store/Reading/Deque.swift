/// A queue in a ring: adding at the end and removing at the front take the same time however long it is.
struct Deque<Element> {
  private var slots: [Element?] = []
  private var start = 0
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }
  var first: Element? { isEmpty ? nil : self[0] }
  var last: Element? { isEmpty ? nil : self[count - 1] }

  /// The element that is `index` behind the first.
  subscript(index: Int) -> Element {
    precondition(index >= 0 && index < count, "an index must lie inside its deque")
    guard let element = slots[slot(index)] else { preconditionFailure("a slot in use has an element") }
    return element
  }

  mutating func append(_ element: Element) {
    if count == slots.count { grow() }
    slots[slot(count)] = element
    count += 1
  }

  mutating func popFirst() -> Element? { isEmpty ? nil : removeFirst() }

  mutating func removeFirst() -> Element {
    let element = self[0]
    slots[start] = nil
    start = slot(1)
    count -= 1
    return element
  }

  private func slot(_ index: Int) -> Int {
    let slot = start + index
    return slot < slots.count ? slot : slot - slots.count
  }

  private mutating func grow() {
    var grown: [Element?] = []
    grown.reserveCapacity(max(4, slots.count * 2))
    for index in 0..<count { grown.append(slots[slot(index)]) }
    grown += Array(repeating: nil, count: max(4, slots.count * 2) - count)
    slots = grown
    start = 0
  }
}

extension Deque: Sendable where Element: Sendable {}
