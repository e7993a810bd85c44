/// Which entries a reader wants (`spec/filter.md`).
public struct Filter: Hashable, Sendable {
  public let text: String
  let root: FilterNode
}
