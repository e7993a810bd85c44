/// Times as people write them in flags, read as nanoseconds since 1970.
package enum TimeText {
  /// What a text means.
  package struct Reading: Hashable, Sendable {
    package var nanoseconds: Int64
    /// The same time on the clock an hour later, when clocks are set back; the first one is meant.
    package var repetition: Int64?
  }

  /// The forms that `read` knows, for errors.
  package static let forms =
    "2026-01-10T12:00:00Z, '2026-01-10 12:00', 09:00, 10m, 1h30m, 3d, today, 'yesterday 18:00' or unix seconds"

  package static func parse(_ text: String, now: Int64) -> Int64? { read(text, now: now)?.nanoseconds }

  /// Reads
  /// - `2026-01-10T12:00:00.5Z`, `2026-01-10 12:00[:00[.5]][ +02[:00]]`, local without a zone; `2026-01-10`
  /// - `12:00[:00]` today, `today`, `yesterday`, both also with a time behind them; `now`
  /// - how long ago: `90s`, `10m`, `1h30m`, `3d`, `2w`, `-3h`, `3h ago`, `1 hour ago`
  /// - unix seconds, also `@1700000000`.
  ///
  /// - Returns: nil for anything else, and for a day, or a time on the local clock, that does not exist.
  package static func read(_ text: String, now: Int64) -> Reading? {
    if text == "now" { return Reading(nanoseconds: now) }
    if let ago = spanAgo(text) {
      let (time, isTooFar) = now.subtractingReportingOverflow(ago)
      return isTooFar ? nil : Reading(nanoseconds: time)
    }
    let number = text.hasPrefix("@") ? text.dropFirst() : text[...]
    if number.utf8.allSatisfy({ $0.isDigit || $0 == UInt8(ascii: ".") }) {
      return Decimal(String(number))?.scaled(by: 9).map { Reading(nanoseconds: $0) }
    }
    return calendarTime(text, now).flatMap { reading(of: $0, now) }
  }

  /// Why `read` finds no time in a text that is written like one: a day, an hour or a local time that does not exist.
  /// nil for everything else.
  package static func absence(of text: String, now: Int64) -> String? {
    guard let time = calendarTime(text, now), reading(of: time, now) == nil else { return nil }
    guard let day = time.dayText else { return "there is no such day" }
    guard let clock = time.clockText else { return "there is no such time of day" }
    if case .unsaid = time.zone, time.nanoseconds(TimeRules(zone: .utc, now: now)) != nil {
      return "there is no \(clock) on \(day) here: the clocks are set forward then"
    }
    return "it is too far away: times are from 1678 to 2262"
  }

  /// `; did you mean yesterday?` for a text in which one word is nearly one that makes it a time, or nothing.
  package static func suggestion(for text: String, now: Int64) -> String {
    let words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    for index in words.indices {
      guard let word = Spelling.nearest(to: words[index], among: Self.words) else { continue }
      var meant = words
      meant[index] = word
      let time = meant.joined(separator: " ")
      guard time != text, read(time, now: now) != nil else { continue }
      return "; did you mean \(words.count > 1 ? "'\(time)'" : time)?"
    }
    return ""
  }

  private static let words = ["now", "today", "yesterday", "ago"] + units.map(\.0)

  private static func reading(of time: CalendarTime, _ now: Int64) -> Reading? {
    guard case .unsaid = time.zone else {
      return time.nanoseconds(TimeRules(zone: .local, now: now)).map { Reading(nanoseconds: $0) }
    }
    let candidates = time.localCandidates()
    return candidates.first.map { Reading(nanoseconds: $0, repetition: candidates.dropFirst().first) }
  }

  private static func calendarTime(_ text: String, _ now: Int64) -> CalendarTime? {
    for (word, daysAgo) in [("today", 0), ("yesterday", 1)] where text.hasPrefix(word) {
      let rest = text.dropFirst(word.count)
      if rest.isEmpty { return day(now, before: daysAgo) }
      return rest.hasPrefix(" ") ? clock(String(rest.dropFirst()), on: day(now, before: daysAgo)) : nil
    }
    if let time = clock(text, on: day(now, before: 0)) { return time }
    var scanner = TextScanner(unsafe text.utf8.span.bytes)
    if let day = scanner.isoDate(), scanner.isAtEnd { return day }
    scanner.offset = 0
    guard var time = scanner.isoDateTime() else { return nil }
    if scanner.take(" "), let seconds = scanner.zoneOffset() { time.zone = .offset(seconds: seconds) }
    return scanner.isAtEnd ? time : nil
  }

  private static func clock(_ text: String, on day: CalendarTime) -> CalendarTime? {
    var scanner = TextScanner(unsafe text.utf8.span.bytes)
    var time = day
    return scanner.clock(&time) && scanner.isAtEnd ? time : nil
  }

  /// The beginning of a day, as the local calendar has it.
  private static func day(_ now: Int64, before count: Int) -> CalendarTime {
    var day = CalendarTime(now, isUTC: false)
    for _ in 0..<count {
      // Noon of the day before is always in that day, even if clocks were changed in the night.
      let midnight = CalendarTime(year: day.year, month: day.month, day: day.day).localCandidates().first ?? now
      day = CalendarTime(midnight &- 43_200_000_000_000, isUTC: false)
    }
    return CalendarTime(year: day.year, month: day.month, day: day.day)
  }

  // MARK: How long ago

  /// In nanoseconds: `3h`, `-3h`, `3h ago`, `3 hours ago`.
  private static func spanAgo(_ text: String) -> Int64? {
    var words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    let isSaid = words.last == "ago" && words.count > 1
    if isSaid { words.removeLast() }
    if words.count == 2, isSaid, let unit = unit(words[1]) { words = [words[0] + unit] }
    guard words.count == 1, var span = words.first else { return nil }
    if span.hasPrefix("-"), !isSaid { span.removeFirst() }
    // Milliseconds are no time that anybody means.
    guard !span.hasSuffix("ms"), let milliseconds = TimeSpan.milliseconds(span) else { return nil }
    let (product, isTooLarge) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
    return isTooLarge ? nil : product
  }

  private static let units = [
    ("second", "s"), ("seconds", "s"), ("sec", "s"), ("secs", "s"), ("minute", "m"), ("minutes", "m"), ("min", "m"),
    ("mins", "m"), ("hour", "h"), ("hours", "h"), ("day", "d"), ("days", "d"), ("week", "w"), ("weeks", "w"),
  ]

  private static func unit(_ word: String) -> String? { units.first { $0.0 == word }?.1 }
}
