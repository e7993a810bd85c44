/// Who waits for the same thing, each once, first come first served.
struct WaitingLine<ID: Hashable> {
  private var line: ArraySlice<ID> = []
  private var members: Set<ID> = []

  var isEmpty: Bool { line.isEmpty }

  mutating func append(_ id: ID) { if members.insert(id).inserted { line.append(id) } }

  mutating func popFirst() -> ID? {
    guard let id = line.popFirst() else { return nil }
    members.remove(id)
    return id
  }
}
