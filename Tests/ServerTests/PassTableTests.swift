import LogsWire
import Testing

@testable import LogsServer

@Suite struct PassTableTests {
  private let start = MonotonicTime(nanoseconds: 1_000_000_000)

  private func access(_ name: String) -> AccessControl.Access { AccessControl.Access(name: name, rights: .open) }

  @Test func `a pass lasts for its time, and is taken once`() throws {
    let table = PassTable.tickets()
    let secret = try #require(table.make(for: access("a"), host: "h", now: start))
    #expect(secret.hasPrefix("lgt_"))
    let hash = TokenHash(of: secret)
    let last = start + .nanoseconds(29_999_999_999)
    #expect(table.find(hash, now: last)?.access.name == "a")
    #expect(table.find(hash, now: last)?.host == "h")
    #expect(table.find(hash, now: start + .seconds(30)) == nil)
    #expect(table.find(TokenHash(of: "\(secret)x"), now: start) == nil)
    #expect(table.take(hash, now: last)?.access.name == "a")
    #expect(table.take(hash, now: last) == nil)
    let late = try #require(table.make(for: access("a"), now: start))
    #expect(table.take(TokenHash(of: late), now: start + .seconds(30)) == nil)
  }

  @Test func `the oldest pass of a name makes room for its next one, and there are so many in all`() throws {
    let table = PassTable(prefix: "p_", duration: .seconds(10), countMax: 3, nameCountMax: 2)
    let first = TokenHash(of: try #require(table.make(for: access("a"), now: start)))
    let second = TokenHash(of: try #require(table.make(for: access("a"), now: start + .seconds(5))))
    #expect(table.find(first, now: start + .seconds(6)) != nil)
    let third = TokenHash(of: try #require(table.make(for: access("a"), now: start + .seconds(6))))
    #expect(table.find(first, now: start + .seconds(6)) == nil)
    #expect(table.find(second, now: start + .seconds(6)) != nil)
    #expect(table.make(for: access("b"), now: start + .seconds(6)) != nil)
    #expect(table.make(for: access("c"), now: start + .seconds(6)) == nil)
    // The second one has ended.
    #expect(table.make(for: access("c"), now: start + .seconds(15)) != nil)
    #expect(table.find(third, now: start + .seconds(15)) != nil)
  }
}
