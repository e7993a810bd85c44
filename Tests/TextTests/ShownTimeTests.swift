import Foundation
import LogsText
import Testing

@Suite struct ShownTimeTests {
  private static func zone(_ name: String) throws -> ShownZone {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/\(name)"))
    return .named(name, try #require(ZoneFile(Array(bytes))))
  }

  private static func shown(_ second: Int64, _ zone: ShownZone) -> String {
    var clock = ClockText(zone)
    var text: [UInt8] = []
    clock.appendRFC3339(second * 1_000_000_000, to: &text)
    return String(decoding: text, as: UTF8.self)
  }

  @Test(arguments: ["Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Sydney", "America/St_Johns"])
  func `a zone's file and its rules agree with Foundation, every twelve days from 1975 to 2060`(name: String) throws {
    let zone = try Self.zone(name)
    let reference = try #require(TimeZone(identifier: name))
    for second in stride(from: Int64(157_766_400), to: 2_840_140_800, by: 1_036_801) {
      let offset = reference.secondsFromGMT(for: Date(timeIntervalSince1970: Double(second)))
      #expect(Self.shown(second, zone) == Self.shown(second, .offset(seconds: offset)), "\(second)")
    }
  }

  @Test func `clocks change to the second`() throws {
    let berlin = try Self.zone("Europe/Berlin")
    #expect(Self.shown(1_774_745_999, berlin) == "2026-03-29T01:59:59.000000000+01:00")
    #expect(Self.shown(1_774_746_000, berlin) == "2026-03-29T03:00:00.000000000+02:00")
  }

  @Test func `what is no zone file is refused`() throws {
    #expect(ZoneFile([]) == nil)
    #expect(ZoneFile(Array("TZif".utf8)) == nil)
    let whole = Array(try Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/Europe/Berlin")))
    for count in stride(from: 0, to: whole.count - 40, by: 7) { #expect(ZoneFile(Array(whole[..<count])) == nil) }
  }

  @Test func `times before 1970 and fractions are rounded down`() {
    var clock = ClockText(.utc)
    var text: [UInt8] = []
    clock.appendShort(-1, to: &text)
    #expect(String(decoding: text, as: UTF8.self) == "1969-12-31 23:59:59.999")
  }
}
