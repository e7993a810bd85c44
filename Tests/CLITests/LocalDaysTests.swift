import Foundation
import LogsClient
import LogsText
import LogsWire
import Testing

@testable import LogsCLI

/// Days of a zone, summed from what the server counts.
@Suite struct LocalDaysTests {
  private static func zone(_ name: String) throws -> ShownZone {
    let bytes = try [UInt8](Data(contentsOf: URL(filePath: "/usr/share/zoneinfo/\(name)")))
    return .named(name, try #require(ZoneFile(bytes)))
  }

  /// Seconds since 1970 as a time.
  private static func time(_ text: String) throws -> Int64 { try #require(TimeText.parse(text, now: 0)) }

  private func days(_ zone: String, _ width: Duration = .seconds(86_400)) throws -> LocalDays {
    try #require(LocalDays(width, try Self.zone(zone)))
  }

  /// One entry in each hour from `first` on.
  private func hours(_ first: String, _ count: Int) throws -> [HistogramBucket] {
    let start = try Self.time(first)
    return (0..<count).map { index in
      var counts = [UInt64](repeating: 0, count: 7)
      counts[3] = 1
      return HistogramBucket(start: start + Int64(index) * 3_600_000_000_000, counts: counts)
    }
  }

  @Test func `a day has 23 hours in spring, 25 in autumn, and begins at midnight`() throws {
    let days = try days("Europe/Berlin")
    let spring = days.summed(try hours("2026-03-27T23:00:00Z", 24 + 23 + 24))
    #expect(spring.map(\.total) == [24, 23, 24])
    let midnights = ["2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"]
    #expect(try spring.map(\.start) == midnights.map { try Self.time($0) })
    let autumn = days.summed(try hours("2026-10-23T22:00:00Z", 24 + 25 + 24))
    #expect(autumn.map(\.total) == [24, 25, 24])
    #expect(autumn.last?.start == (try Self.time("2026-10-26T00:00:00+01:00")))
  }

  @Test func `zones of half an hour are summed from quarters, and spans of several days stay together`() throws {
    #expect(try days("Asia/Kolkata").part == .seconds(900))
    #expect(try days("Europe/Berlin").part == .seconds(3_600))
    let weeks = try days("Europe/Berlin", .seconds(7 * 86_400)).summed(try hours("2026-06-01T22:00:00Z", 14 * 24))
    #expect(weeks.map(\.total).reduce(0, +) == 14 * 24)
    #expect(weeks.dropFirst().dropLast().allSatisfy { $0.total == 7 * 24 })
  }

  @Test func `nothing is summed for UTC, or for spans that are no days`() throws {
    #expect(LocalDays(.seconds(86_400), .utc) == nil)
    #expect(LocalDays(.seconds(3_600), try Self.zone("Europe/Berlin")) == nil)
    #expect(LocalDays(.seconds(90_000), try Self.zone("Europe/Berlin")) == nil)
  }
}
