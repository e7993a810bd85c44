/// First in, first out, in one array whose used-up front is dropped now and then.
struct Queue<Element> {
  private var storage: [Element?] = []
  private var head = 0

  var count: Int { storage.count - head }
  var isEmpty: Bool { count == 0 }
  var first: Element? { isEmpty ? nil : self[0] }
  var last: Element? { isEmpty ? nil : self[count - 1] }

  /// The element that many places behind the front.
  subscript(offset: Int) -> Element {
    get {
      guard let element = storage[head + offset] else { preconditionFailure("only the front is emptied") }
      return element
    }
    set { storage[head + offset] = newValue }
  }

  mutating func append(_ element: Element) { storage.append(element) }

  mutating func popFirst() -> Element? {
    guard !isEmpty else { return nil }
    let element = storage[head]
    storage[head] = nil
    head += 1
    // Moving what is left costs no more than taking what is gone did.
    if head >= 32, head * 2 >= storage.count {
      storage.removeFirst(head)
      head = 0
    }
    return element
  }

  mutating func removeLast() { storage.removeLast() }

  @discardableResult
  mutating func remove(at offset: Int) -> Element {
    guard offset > 0 else {
      guard let first = popFirst() else { preconditionFailure("nothing to remove") }
      return first
    }
    guard let element = storage.remove(at: head + offset) else { preconditionFailure("only the front is emptied") }
    return element
  }

  mutating func removeAll() {
    storage.removeAll()
    head = 0
  }
}

/// A queue in which each element stands at most once.
struct UniqueQueue<Element: Hashable> {
  private var queue = Queue<Element>()
  private var members: Set<Element> = []

  var count: Int { queue.count }
  var first: Element? { queue.first }

  /// Adds `element` behind the others unless it is there.
  mutating func append(_ element: Element) { if members.insert(element).inserted { queue.append(element) } }

  mutating func append(_ elements: some Sequence<Element>) { for element in elements { append(element) } }

  mutating func popFirst() -> Element? {
    guard let element = queue.popFirst() else { return nil }
    members.remove(element)
    return element
  }

  mutating func removeAll() {
    queue.removeAll()
    members = []
  }
}
