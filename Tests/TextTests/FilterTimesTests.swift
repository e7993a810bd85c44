import LogsText
import LogsWire
import Testing

@Suite struct FilterTimesTests {
  private static let now: Int64 = 1_764_324_000_000_000_000

  @Test func `times before now become absolute`() throws {
    let filter = try Filter("time>=10m x (time<now OR time:1h..90s)", times: .local(now: Self.now))
    #expect(
      filter.text == "time>=2025-11-28T09:50:00Z x (time<2025-11-28T10:00:00Z OR "
        + "time:2025-11-28T09:00:00Z..2025-11-28T09:58:30Z)")
  }

  @Test(arguments: [
    "2026-01-10", "2026-01-10T12:00", "\"2026-01-10 12:00:00.5\"", "today", "yesterday", "1764324000.25",
  ])
  func `local times become absolute`(_ text: String) throws {
    let bare = String(text.filter { $0 != "\"" })
    let time = Timestamp.rfc3339(try #require(TimeText.parse(bare, now: Self.now)))
    let filter = try Filter("time>=\(text)", times: .local(now: Self.now))
    #expect(try filter == Filter("time>=\(time)"))
    #expect(try filter == Filter(filter.text))
  }

  @Test func `what is no time is refused with what to write`() {
    let error = #expect(throws: FilterError.self) { try Filter("time>=soon", times: .local(now: Self.now)) }
    #expect(error?.column == 7)
    #expect(error?.reason.contains("like 10m") == true && error?.reason.contains("did you mean") == false)
    let near = #expect(throws: FilterError.self) { try Filter("time>=yesturday", times: .local(now: Self.now)) }
    #expect(near?.reason.hasSuffix("or today; did you mean yesterday?") == true, "\(near?.reason ?? "")")
  }
}
