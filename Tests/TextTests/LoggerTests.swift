import LogsWire
import Testing

@testable import LogsText

/// The lines of `docs/formats.md`.
@Suite struct LoggerTests {
  /// 2026-01-10T12:00:00Z.
  static let rules = TimeRules(zone: .utc, now: 1_768_046_400_000_000_000)

  static func entry(_ line: String, _ format: LineFormat) -> Entry {
    format.entry(Bytes(line), like: Entry(message: Bytes()), rules)
  }

  @Test(arguments: LoggerLine.all)
  func `a line of each logger gives its time, level, source and message`(_ line: LoggerLine) throws {
    let entry = Self.entry(line.line, line.format)
    check(entry, line)
    #expect(Self.entry(line.line, .auto) == entry, "auto recognizes it")
  }

  @Test(arguments: LoggerLine.all)
  func `members in the opposite order give the same`(_ line: LoggerLine) throws {
    guard let object = JSONReader.object(Bytes(line.line).span) else { return }
    let pick = FieldPick(object.members.reversed(), Self.rules)
    let entry = Self.entry(line.line, .json)
    #expect(pick.time?.value ?? 0 == entry.time)
    #expect(pick.severity?.value == (entry.severity == .unspecified ? nil : entry.severity) || pick.isSilentInformation)
    #expect(pick.source?.value ?? "" == entry.source)
    #expect(pick.message?.value ?? entry.message == entry.message)
  }

  private func check(_ entry: Entry, _ line: LoggerLine) {
    let time = line.time.isEmpty ? 0 : TimeText.parse(line.time, now: 0)
    #expect(entry.time == time)
    #expect(entry.severity.number == line.severity)
    #expect(entry.source == Bytes(line.source))
    #expect(entry.message == Bytes(line.message ?? line.line))
    for (key, value) in line.attributes {
      #expect(entry.attributes.first { $0.key == key }?.value == value, "\(key) of \(entry.attributes)")
    }
  }
}
